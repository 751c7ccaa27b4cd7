import { parseConfiguration, storedConfiguration } from '../eval/model/configurations.ts';
import { loadModel } from '../eval/model/load.ts';
import type { DecoderModel } from '../eval/model/model.ts';
import type { Backend } from '../kernels/backend.ts';
import { openModel } from '../quant/checkpoint/open-model.ts';

/**
 * Loads a model with its linear layers quantized: as the configuration says (`w8a8`, `w4a8-g128`, `fp16` …), or as they
 * are if it is quantized already.
 *
 * @param path of a Hugging Face checkpoint (a folder of safetensors: float, compressed-tensors or MLX), or a GGUF file
 * @throws CiderError that names file, tensor, value and limit
 */
export async function loadDecoder(backend: Backend, path: string, configuration = 'w8a8'): Promise<DecoderModel> {
  const model = openModel(path);
  try {
    return await loadModel(model, backend, storedConfiguration(model) ?? parseConfiguration(configuration));
  } finally {
    model.close();
  }
}
