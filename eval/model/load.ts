import type { Backend } from '../../kernels/backend.ts';
import type { StoredModel } from '../../quant/checkpoint/stored-model.ts';
import { checkTiedHead } from '../../quant/checkpoint/tied-head.ts';
import { UsageError } from '../../quant/errors.ts';
import type { Configuration } from './configurations.ts';
import { loadDecoder } from './load-decoder.ts';
import type { DecoderModel } from './model.ts';
import { WeightLoader } from './weight-loader.ts';

/**
 * Loads a model onto a backend, tensor by tensor, so that at most one float weight exists beside those that are loaded.
 * The linear layers of a float model are quantized as the configuration says; embedding and head stay float. A quantized
 * model has its own scheme, and can only be loaded as it is stored.
 *
 * @throws UsageError `E_ALREADY_QUANTIZED`; InputError `E_HEAD_NOT_TIED`, `E_NON_FINITE_WEIGHT`, and as `StoredTensor` reads
 */
export async function loadModel(
  model: StoredModel,
  backend: Backend,
  configuration: Configuration,
): Promise<DecoderModel> {
  const { scheme, path, config, checkpoint } = model;
  if (scheme !== undefined && configuration.kind !== 'stored') {
    throw new UsageError(`${path} is quantized (${scheme}) and cannot be made ${configuration.name}`, {
      code: 'E_ALREADY_QUANTIZED',
      hint: 'start from the float checkpoint',
      details: { file: path, scheme, configuration: configuration.name },
    });
  }
  if (checkpoint) checkTiedHead(config, checkpoint);
  const loader = new WeightLoader(model, backend, { configuration, gainOffset: config.gainOffset });
  return loadDecoder(loader, config, backend);
}
