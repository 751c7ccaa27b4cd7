import { rint } from '../../kernels/reference/rounding.ts';
import { checkFloatRows, INFINITY_BITS, nonFiniteWeightFrom, WideRow } from './float-rows.ts';
import { groupsPerRow, type FloatRows } from './scheme.ts';

/** `w ≈ scale · code + bias` by group of consecutive k. */
export interface AffineRows {
  /** `[rows, columns]`, one code an element: 0 … 2^bits - 1. */
  codes: Uint8Array;
  /** f32 `[rows, groupsPerRow(columns, groupSize)]`; may be negative. */
  scales: Float32Array;
  /** f32, shaped as `scales`. */
  biases: Float32Array;
}

/** The least step, which keeps the division of a constant group defined. */
const LEAST_SCALE = Math.fround(1e-7);

/**
 * Asymmetric codes by the rule of MLX (`affine_quantize` of its CPU backend), each step one f32 operation: the end of
 * the range with the larger magnitude is met exactly, and the scale is adjusted so that 0 is, too.
 *
 * @param groupSize consecutive k that share scale and bias, 0 for the whole row; the last group may be shorter
 * @throws NonFiniteWeightError at the first NaN or infinity
 * @throws RangeError if shape, dtype and data contradict each other
 */
export function quantizeAffine(source: FloatRows, bits: 8 | 4, groupSize: number): AffineRows {
  checkFloatRows('quantizeAffine', source);
  const { rows, columns } = source;
  const groups = groupsPerRow(columns, groupSize);
  const codes = new Uint8Array(rows * columns);
  const scales = new Float32Array(rows * groups);
  const biases = new Float32Array(rows * groups);
  const highest = 2 ** bits - 1;
  const row = new WideRow(source);
  for (let n = 0; n < rows; n++) {
    row.read(n);
    for (let g = 0; g < groups; g++) {
      const from = g * groupSize;
      const to = groupSize === 0 ? columns : Math.min(from + groupSize, columns);
      if (row.largestMagnitudeBits(from, to) >= INFINITY_BITS) throw nonFiniteWeightFrom(source, n * columns + from);
      const { scale, bias } = affineParameters(row.values, from, to, highest);
      scales[n * groups + g] = scale;
      biases[n * groups + g] = bias;
      for (let k = from; k < to; k++) {
        const code = rint(Math.fround(difference(row.values[k], bias) / scale));
        codes[n * columns + k] = code < 0 ? 0 : code > highest ? highest : code;
      }
    }
  }
  return { codes, scales, biases };
}

function affineParameters(
  values: Float32Array,
  from: number,
  to: number,
  highest: number,
): { scale: number; bias: number } {
  let smallest = values[from] ?? 0;
  let largest = smallest;
  for (let k = from; k < to; k++) {
    smallest = Math.min(smallest, values[k]);
    largest = Math.max(largest, values[k]);
  }
  const step = Math.max(Math.fround(difference(largest, smallest) / highest), LEAST_SCALE);
  const fromSmallest = Math.abs(smallest) > Math.abs(largest);
  const edge = fromSmallest ? smallest : largest;
  const scale = fromSmallest ? step : -step;
  const edgeCode = rint(Math.fround(edge / scale));
  return edgeCode === 0 ? { scale, bias: 0 } : { scale: Math.fround(edge / edgeCode), bias: edge };
}

/** a - b as an f32 operation; in float64 where f32 would overflow, since the division that follows brings it back. */
function difference(a: number, b: number): number {
  const rounded = Math.fround(a - b);
  return Math.abs(rounded) < Infinity ? rounded : a - b;
}
