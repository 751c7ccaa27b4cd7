import { roundTo } from '../float-arithmetic.ts';
import type { WeightDtype } from '../weight-dtype.ts';
import type { Grid } from './read-weight.ts';

/**
 * `(code - zero point) · scale` as compressed-tensors' `decompress` has it, to the bit: the product is rounded in the
 * dtype of the scales, and the difference is exact in each of them.
 *
 * @param codes `[rows, columns]`
 * @param groupOf the group of each column
 */
export function dequantizeWeight(
  codes: Int8Array,
  { scales, zeroPoints }: Grid,
  groupOf: Int32Array,
  dtype: WeightDtype,
): Float32Array {
  const columns = groupOf.length;
  const rows = codes.length / columns;
  const groups = scales.length / rows;
  const values = new Float32Array(codes.length);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < columns; k++) {
      const i = row * columns + k;
      const at = row * groups + groupOf[k];
      // Storing rounds to f32.
      values[i] = (codes[i] - (zeroPoints ? zeroPoints[at] : 0)) * scales[at];
    }
  }
  if (dtype === 'F32') return values;
  // Products of 8-bit integers and 16-bit floats are exact in f32, so they were not rounded before.
  return values.map(roundTo[dtype]);
}

/** The group of each column where columns are in their places. */
export const groupsInOrder = (columns: number, groupSize: number): Int32Array =>
  Int32Array.from({ length: columns }, (_, k) => (groupSize === 0 ? 0 : Math.floor(k / groupSize)));
