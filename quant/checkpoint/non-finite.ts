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
    const found = widened.findIndex((value) => !Number.isFinite(value));
    if (found === -1) continue;
    const index = `[${position(at / elementBytes + found, shape).join(', ')}]`;
    throw new InputError(`${entry.file}: tensor ${quoted(entry.name)} holds ${widened[found]} at ${index}`, {
      code: 'E_NON_FINITE',
      hint: 'the checkpoint is damaged, or its training diverged',
      details: { file: entry.file, tensor: entry.name, index, value: String(widened[found]) },
    });
  }
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
