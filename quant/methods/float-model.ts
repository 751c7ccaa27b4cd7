import type { ModelConfig } from '../checkpoint/hf-config.ts';
import { checkFinite } from '../checkpoint/non-finite.ts';
import type { StoredModel } from '../checkpoint/stored-model.ts';
import { checkTiedHead } from '../checkpoint/tied-head.ts';
import { tensorFinder } from './model-tensor.ts';

/** A float model whose tensors are read one at a time: one of a file, or one seen through a transformation that keeps its logits. */
export interface FloatModel {
  /** Of the model as it is seen: after rotation embeddings are not tied any more. */
  readonly config: ModelConfig;
  /**
   * A tensor of `modelTensors(config)`, widened to f32, row-major; the caller owns the array.
   *
   * @throws RangeError for a name that is none of them; InputError as `StoredTensor.readFloats`, `E_NON_FINITE_WEIGHT`
   */
  read(name: string): Promise<Float32Array>;
}

/**
 * The model of a file of any format as floats: what is quantized is dequantized. The file must stay open as long as
 * tensors are read.
 *
 * @throws InputError `E_HEAD_NOT_TIED`
 */
export function storedFloatModel({ config, tensors, checkpoint }: StoredModel): FloatModel {
  if (checkpoint) checkTiedHead(config, checkpoint);
  const find = tensorFinder(config);
  // eslint-disable-next-line @typescript-eslint/require-await -- errors reject, as those of a transformation do
  const read = async (name: string): Promise<Float32Array> => {
    // Whoever opened the model found them all.
    const tensor = tensors.get(find(name).name);
    if (!tensor) throw new RangeError(`${name} is not in the model`);
    const values = tensor.readFloats();
    checkFinite(values, tensor, { code: 'E_NON_FINITE_WEIGHT' });
    return values;
  };
  return { config, read };
}
