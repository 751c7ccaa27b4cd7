import { isNormalF32, rintClamped } from './rounding.ts';

/** Rows of int8 codes, `[M, K]`, and one f32 scale a row, `[M]`: `x ≈ scale · code`. */
export interface QuantizedTokens {
  codes: Int8Array;
  scales: Float32Array;
}

/**
 * Symmetric int8 codes of each row of `x`, f32 `[rows, columns]`: docs/numerics.md section 1. A row too small to scale
 * gets scale 1 and codes 0; a row with a NaN or an infinity gets scale NaN and codes 0, so that what is computed from it
 * is NaN, as in float arithmetic.
 *
 * @throws RangeError if `x` does not hold rows · columns values
 */
export function quantizePerToken(x: Float32Array, rows: number, columns: number): QuantizedTokens {
  if (x.length !== rows * columns) {
    throw new RangeError(`quantizePerToken: x holds ${x.length} values, not ${rows} x ${columns}`);
  }
  const codes = new Int8Array(x.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    const to = from + columns;
    const absmax = absoluteMaximum(x, from, to);
    const scale = Math.fround(absmax / 127);
    const inverse = Math.fround(127 / absmax);
    if (isNormalF32(scale) && isNormalF32(inverse)) {
      scales[row] = scale;
      for (let k = from; k < to; k++) codes[k] = rintClamped(Math.fround(x[k] * inverse), -127, 127);
    } else {
      scales[row] = absmax < Infinity ? 1 : NaN;
    }
  }
  return { codes, scales };
}

/** The largest magnitude, infinite also if a NaN is among the values. */
function absoluteMaximum(x: Float32Array, from: number, to: number): number {
  let absmax = 0;
  for (let k = from; k < to; k++) {
    const magnitude = Math.abs(x[k]);
    if (magnitude > absmax) absmax = magnitude;
    else if (magnitude !== magnitude) return Infinity;
  }
  return absmax;
}
