import { modelTensors } from '../checkpoint/architecture.ts';
import type { TensorEntry } from '../checkpoint/checkpoint.ts';
import type { StoredModel } from '../checkpoint/stored-model.ts';

/**
 * What a conversion makes tensors of: all that a float checkpoint holds; or those of the model as floats, where the file
 * has something else for them. These have no place in a file: `FloatModel.read` gives their values, `bytes` is what
 * stands for them.
 */
export function inputTensors({ format, checkpoint, tensors, config }: StoredModel): ReadonlyMap<string, TensorEntry> {
  if (format === 'float' && checkpoint) return checkpoint.tensors;
  const entries = modelTensors(config).flatMap(({ name }): TensorEntry[] => {
    const tensor = tensors.get(name);
    if (!tensor) return [];
    const { shape, dtype, bytes, file } = tensor;
    return [{ name, shape, dtype, bytes, file, offset: 0 }];
  });
  return new Map(entries.map((entry) => [entry.name, entry]));
}
