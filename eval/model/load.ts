import type { Backend } from '../../kernels/backend.ts';
import { checkTensors } from '../../quant/checkpoint/check-tensors.ts';
import type { Checkpoint } from '../../quant/checkpoint/checkpoint.ts';
import { readQuantization } from '../../quant/checkpoint/compressed-tensors-parse.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { checkTiedHead } from '../../quant/checkpoint/tied-head.ts';
import { UsageError } from '../../quant/errors.ts';
import type { Configuration } from './configurations.ts';
import { loadDecoder } from './load-decoder.ts';
import type { DecoderModel } from './model.ts';
import { WeightLoader } from './weight-loader.ts';

/**
 * Loads a model onto a backend, tensor by tensor, so that at most one float weight exists beside those that are loaded.
 * The linear layers of a float checkpoint are quantized as the configuration says; embedding and head stay float. A
 * converted checkpoint has its own scheme, and can only be loaded as it is stored.
 *
 * @throws UsageError `E_ALREADY_QUANTIZED`; InputError `E_TENSOR_*`, `E_HEAD_NOT_TIED`, `E_NON_FINITE_WEIGHT`, `E_CONFIG_*`
 */
export async function loadModel(
  checkpoint: Checkpoint,
  config: ModelConfig,
  backend: Backend,
  configuration: Configuration,
): Promise<DecoderModel> {
  const stored = readQuantization(config.raw);
  if (stored && configuration.kind !== 'stored') {
    throw new UsageError(
      `${checkpoint.folder} is quantized (${stored.mode}) and cannot be made ${configuration.name}`,
      {
        code: 'E_ALREADY_QUANTIZED',
        hint: 'start from the float checkpoint',
        details: { file: checkpoint.folder, mode: stored.mode, configuration: configuration.name },
      },
    );
  }
  checkTensors(config, checkpoint.tensors, stored);
  checkTiedHead(config, checkpoint);
  const loader = new WeightLoader(checkpoint, backend, { configuration, stored, gainOffset: config.gainOffset });
  return loadDecoder(loader, config, backend);
}
