import { rintClamped } from '../../kernels/reference/rounding.ts';
import { absmaxRule } from './clip.ts';
import { codeRanges, groupScale, type CodeRange } from './code-range.ts';
import { INFINITY_BITS, nonFiniteWeightFrom, WideRow } from './float-rows.ts';
import { groupsPerRow, type FloatRows, type WeightScheme } from './scheme.ts';

/** `quantizeRows` for every format and every clip mode, by arithmetic on rows widened to f32. */
export function quantizeFloats(source: FloatRows, scheme: WeightScheme, codes: Int8Array, scales: Float32Array): void {
  const { rows, columns } = source;
  const range = codeRanges[scheme.bits];
  const absmaxOf = absmaxRule(scheme.clip, range);
  const groups = groupsPerRow(columns, scheme.groupSize);
  const groupSize = scheme.groupSize || columns;
  const row = new WideRow(source);
  for (let n = 0; n < rows; n++) {
    row.read(n);
    for (let g = 0; g < groups; g++) {
      const from = g * groupSize;
      const to = Math.min(from + groupSize, columns);
      const magnitudeBits = row.largestMagnitudeBits(from, to);
      if (magnitudeBits >= INFINITY_BITS) throw nonFiniteWeightFrom(source, n * columns + from);
      const scale = groupScale(absmaxOf(row, from, to, valueOfBits(magnitudeBits)), range);
      scales[n * groups + g] = scale || 1;
      quantizeGroup(row.values, from, to, scale, range, codes, n * columns);
    }
  }
}

/**
 * `codes[offset + k] = clamp(rint(values[k] / scale))` for k in `from … to`; all 0 for a scale of 0.
 *
 * The f32 quotient is made by a float64 product with 1 / scale, which costs a quarter of the division and is the same
 * number. With significands of 24 bits, W / S differs from any midpoint of two f32 neighbours, a number M of 25
 * bits, by at least 1 / (S · M) or 2^-49 of its size; the two float64 roundings move it by less than 2^-52.
 */
function quantizeGroup(
  values: Float32Array,
  from: number,
  to: number,
  scale: number,
  { lowest, highest }: CodeRange,
  codes: Int8Array,
  offset: number,
): void {
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let k = from; k < to; k++) {
    codes[offset + k] = rintClamped(Math.fround(values[k] * inverse), lowest, highest);
  }
}

const f32 = new Float32Array(1);
const f32Bits = new Int32Array(f32.buffer);

function valueOfBits(bits: number): number {
  f32Bits[0] = bits;
  return f32[0];
}
