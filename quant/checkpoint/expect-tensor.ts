import { InputError } from '../errors.ts';
import type { TensorEntry } from './checkpoint.ts';
import { quoted } from './quoted.ts';

/** An error about a tensor of a file: `model.safetensors: tensor "x.weight_scale" holds NaN at [0, 1]`. */
export function tensorRefusal(entry: TensorEntry, code: string, what: string): InputError {
  return new InputError(`${entry.file}: tensor ${quoted(entry.name)} ${what}`, {
    code,
    details: { file: entry.file, tensor: entry.name },
  });
}

/**
 * That a tensor is of one of the dtypes, and of the shape.
 *
 * @param scheme what they follow from, in words
 * @throws InputError `E_TENSOR_DTYPE`, `E_TENSOR_SHAPE`
 */
export function expectTensor(
  entry: TensorEntry,
  dtypes: readonly string[],
  shape: readonly number[],
  scheme: string,
): void {
  if (!dtypes.includes(entry.dtype)) {
    const what = `has the dtype ${entry.dtype}, expected ${dtypes.join(', ')} (${scheme})`;
    throw tensorRefusal(entry, 'E_TENSOR_DTYPE', what);
  }
  if (entry.shape.length === shape.length && entry.shape.every((length, axis) => length === shape[axis])) return;
  const shapes = `has the shape [${entry.shape.join(', ')}], expected [${shape.join(', ')}]`;
  throw tensorRefusal(entry, 'E_TENSOR_SHAPE', `${shapes} (${scheme})`);
}

/** One that a weight of the scheme must have. @throws InputError `E_TENSOR_MISSING` */
export function requireTensor(tensors: ReadonlyMap<string, TensorEntry>, name: string, scheme: string): TensorEntry {
  const entry = tensors.get(name);
  if (entry) return entry;
  throw new InputError(`tensor ${quoted(name)} is missing from the checkpoint (${scheme})`, {
    code: 'E_TENSOR_MISSING',
    hint: 'the quantization in config.json may belong to another checkpoint',
    details: { tensor: name },
  });
}

/** That the columns of a weight make whole groups; 0 is the whole row. @throws InputError `E_GROUP_SIZE` */
export function expectWholeGroups(codes: TensorEntry, columns: number, groupSize: number): void {
  if (groupSize === 0 || columns % groupSize === 0) return;
  const what = `stands for ${columns} columns, not a multiple of the group size ${groupSize}`;
  throw tensorRefusal(codes, 'E_GROUP_SIZE', what);
}
