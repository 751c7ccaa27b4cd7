import { checkTensors } from '../checkpoint/check-tensors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { ModelConfig } from '../checkpoint/hf-config.ts';
import { checkFinite } from '../checkpoint/non-finite.ts';
import { refuseQuantized } from '../checkpoint/refuse-quantized.ts';
import { checkTiedHead } from '../checkpoint/tied-head.ts';
import { tensorFinder } from './model-tensor.ts';

/** A float model whose tensors are read one at a time: a checkpoint, or one seen through a transformation that keeps its logits. */
export interface FloatModel {
  /** Of the model as it is seen: after rotation embeddings are not tied any more. */
  readonly config: ModelConfig;
  /**
   * A tensor of `modelTensors(config)`, widened to f32, row-major; the caller owns the array.
   *
   * @throws RangeError for a name that is none of them; InputError as `Checkpoint.readFloats`, `E_NON_FINITE_WEIGHT`
   */
  read(name: string): Promise<Float32Array>;
}

/**
 * The model that a float checkpoint holds. The checkpoint must stay open as long as tensors are read.
 *
 * @throws InputError `E_ALREADY_QUANTIZED`, `E_TENSOR_*`, `E_HEAD_NOT_TIED`
 */
export function checkpointModel(checkpoint: Checkpoint, config: ModelConfig): FloatModel {
  refuseQuantized(config);
  checkTensors(config, checkpoint.tensors);
  checkTiedHead(config, checkpoint);
  const find = tensorFinder(config);
  // eslint-disable-next-line @typescript-eslint/require-await -- errors reject, as those of a transformation do
  const read = async (name: string): Promise<Float32Array> => {
    // checkTensors found them all.
    const entry = checkpoint.tensors.get(find(name).name);
    if (!entry) throw new RangeError(`${name} is not in the checkpoint`);
    const values = checkpoint.readFloats(entry);
    checkFinite(values, entry, { code: 'E_NON_FINITE_WEIGHT' });
    return values;
  };
  return { config, read };
}
