import { isFloatFormat, widenInto } from '../../kernels/reference/float-formats.ts';
import { InputError } from '../errors.ts';
import type { Checkpoint, TensorEntry } from './checkpoint.ts';
import { quoted } from './quoted.ts';
import { elementCount } from './tensor-size.ts';

/** Read and widened at a time; a multiple of every element size. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * Looks for a NaN or infinity in a float tensor; tensors of other dtypes pass.
 *
 * @throws InputError `E_NON_FINITE` with tensor and index of the first
 */
export function findNonFinite(checkpoint: Pick<Checkpoint, 'readInto'>, entry: TensorEntry): void {
  const { dtype, bytes, shape } = entry;
  if (!isFloatFormat(dtype) || bytes === 0) return;
  const elementBytes = bytes / elementCount(shape);
  const chunk = new Uint8Array(Math.min(bytes, CHUNK_BYTES));
  const values = new Float32Array(chunk.byteLength / elementBytes);
  for (let at = 0; at < bytes; at += chunk.byteLength) {
    const source = chunk.subarray(0, Math.min(chunk.byteLength, bytes - at));
    checkpoint.readInto(entry, source, at);
    const widened = values.subarray(0, source.byteLength / elementBytes);
    widenInto(dtype, source, widened);
    checkFinite(widened, entry, { first: at / elementBytes });
  }
}

export interface CheckFiniteOptions {
  /** Position in the tensor, in C order, of the first of the values; default 0. */
  first?: number;
  /** Of the error; default `E_NON_FINITE`. */
  code?: string;
}

/** The same for values of the tensor that are widened already. @throws InputError */
export function checkFinite(
  values: Float32Array,
  entry: Pick<TensorEntry, 'name' | 'file' | 'shape'>,
  options: CheckFiniteOptions = {},
): void {
  const { first = 0, code = 'E_NON_FINITE' } = options;
  // A sum is not finite where a term is not, and finite terms of f32 cannot overflow it: far cheaper than a callback each.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  if (Number.isFinite(sum)) return;
  const found = values.findIndex((value) => !Number.isFinite(value));
  const index = `[${position(first + found, entry.shape).join(', ')}]`;
  throw new InputError(`${entry.file}: tensor ${quoted(entry.name)} holds ${values[found]} at ${index}`, {
    code,
    hint: 'the checkpoint is damaged, or its training diverged',
    details: { file: entry.file, tensor: entry.name, index, value: String(values[found]) },
  });
}

/** Index of each dimension, from the position in C order. */
function position(flat: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = flat;
  for (const length of shape.toReversed()) {
    index.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return index;
}
