import { rintClamped } from '../../kernels/reference/rounding.ts';
import type { CodeRange } from './code-range.ts';

/**
 * Σ_k (w_k - scale · q_k)² of quantized values, each term and the sum in float64, k ascending. The sum cannot shrink,
 * so it is given up, and what it came to is returned, as soon as it is no less than `bound`.
 */
export function squaredError(values: Float32Array, scale: number, range: CodeRange, bound: number): number {
  const { lowest, highest } = range;
  const inverse = 1 / scale;
  let sum = 0;
  for (let k = 0; k < values.length && sum < bound; k++) {
    const value = values[k];
    const difference = value - scale * rintClamped(Math.fround(value * inverse), lowest, highest);
    sum += difference * difference;
  }
  return sum;
}
