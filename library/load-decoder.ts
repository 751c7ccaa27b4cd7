import { parseConfiguration, storedConfiguration } from '../eval/model/configurations.ts';
import { loadModel } from '../eval/model/load.ts';
import type { DecoderModel } from '../eval/model/model.ts';
import type { Backend } from '../kernels/backend.ts';
import { Checkpoint } from '../quant/checkpoint/checkpoint.ts';
import { readQuantization } from '../quant/checkpoint/compressed-tensors-parse.ts';
import { readModelConfig } from '../quant/checkpoint/hf-config.ts';

/**
 * Loads a checkpoint with its linear layers quantized: as the configuration says (`w8a8`, `w4a8-g128`, `fp16` …), or as
 * they are if it was converted.
 *
 * @param folder of a Hugging Face checkpoint (safetensors)
 * @throws CiderError that names file, tensor, value and limit
 */
export async function loadDecoder(backend: Backend, folder: string, configuration = 'w8a8'): Promise<DecoderModel> {
  const checkpoint = Checkpoint.open(folder);
  try {
    const config = readModelConfig(checkpoint.folder);
    const stored = readQuantization(config.raw);
    const chosen = stored ? storedConfiguration(stored) : parseConfiguration(configuration);
    return await loadModel(checkpoint, config, backend, chosen);
  } finally {
    checkpoint.close();
  }
}
