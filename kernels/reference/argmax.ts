import type { Tensor } from '../backend.ts';
import { tensorOf } from './tensor.ts';

/** Index of the largest logit of each row. */
export function argmax(logits: Tensor): Int32Array {
  const { rows, columns, values } = tensorOf('argmax', 'logits', logits);
  return Int32Array.from({ length: rows }, (_, row) =>
    indexOfLargest(values.subarray(row * columns, (row + 1) * columns)),
  );
}

/** Index of the largest value; ties go to the smaller index, and NaN is never the largest of several. */
export function indexOfLargest(row: Float32Array): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i] > row[best] || Number.isNaN(row[best])) best = i;
  return best;
}
