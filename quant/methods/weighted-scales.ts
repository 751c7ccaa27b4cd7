import { rintClamped } from '../../kernels/reference/rounding.ts';
import { clipMultipliers } from '../schemes/clip.ts';
import { groupScale, type CodeRange } from '../schemes/code-range.ts';
import type { QuantizedRows } from './quantized-rows.ts';

/**
 * Scales as `--clip mse` chooses them, from the same multipliers of absmax, but by Σ_k importance_k · (w_k - scale · q_k)²
 * in f64, k ascending; ties go to the larger multiplier. With the diagonal of the Hessian as importance this is what
 * rounding the group costs on the calibration data, if errors of different columns do not add up.
 *
 * @param values `[rows, columns]`, finite
 * @param importance `[columns]`, not negative
 * @param target whose scales are set
 */
export function leastWeightedErrorScales(values: Float32Array, importance: Float64Array, target: QuantizedRows): void {
  const { rows, columns, groups, groupSize, range, scales } = target;
  for (let n = 0; n < rows; n++) {
    for (let g = 0; g < groups; g++) {
      const from = g * groupSize;
      const to = Math.min(from + groupSize, columns);
      const group = values.subarray(n * columns + from, n * columns + to);
      scales[n * groups + g] = leastErrorScale(group, importance.subarray(from, to), range);
    }
  }
}

function leastErrorScale(values: Float32Array, importance: Float64Array, range: CodeRange): number {
  let absmax = 0;
  for (let k = 0; k < values.length; k++) absmax = Math.max(absmax, Math.abs(values[k]));
  let best = 0;
  let leastError = Infinity;
  for (const multiplier of clipMultipliers) {
    const scale = groupScale(Math.fround(absmax * multiplier), range);
    if (scale === 0) break;
    const error = weightedError(values, importance, scale, range, leastError);
    if (error < leastError) {
      leastError = error;
      best = scale;
    }
  }
  return best;
}

/** The sum cannot shrink: it is given up, and what it came to is returned, as soon as it is no less than `bound`. */
function weightedError(
  values: Float32Array,
  importance: Float64Array,
  scale: number,
  { lowest, highest }: CodeRange,
  bound: number,
): number {
  const inverse = 1 / scale;
  let sum = 0;
  for (let k = 0; k < values.length && sum < bound; k++) {
    const difference = values[k] - scale * rintClamped(Math.fround(values[k] * inverse), lowest, highest);
    sum += importance[k] * (difference * difference);
  }
  return sum;
}
