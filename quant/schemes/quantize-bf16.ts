import { widenBf16 } from '../../kernels/reference/float-formats.ts';
import { FIRST_TABLED_ABSMAX, lookUpCodes, prepareCodes } from './bf16-codes.ts';
import { codeRanges } from './code-range.ts';
import { nonFiniteWeightFrom } from './float-rows.ts';
import { maxMagnitude } from './max-magnitude.ts';
import { quantizeFloats } from './quantize-floats.ts';
import { groupsPerRow, type FloatRows, type WeightScheme } from './scheme.ts';

/** The pattern of infinity; the magnitudes of NaNs are larger still. */
const INFINITY_PATTERN = 0x7f80;

/** `quantizeRows` for BF16 without clipping: a maximum and a table lookup an element, no float arithmetic. */
export function quantizeBf16MinMax(
  source: FloatRows & { data: Uint16Array },
  { bits, groupSize }: WeightScheme,
  codes: Int8Array,
  scales: Float32Array,
): void {
  const { data, rows, columns } = source;
  const { divisor } = codeRanges[bits];
  const groups = groupsPerRow(columns, groupSize);
  prepareCodes(bits);
  const words = wordsOf(data);
  const codeWords = wordsOf(codes);
  for (let n = 0; n < rows; n++) {
    for (let g = 0; g < groups; g++) {
      const from = n * columns + g * groupSize;
      const to = groupSize === 0 ? from + columns : Math.min(from + groupSize, (n + 1) * columns);
      const absmax = maxMagnitude(data, words, from, to);
      if (absmax >= FIRST_TABLED_ABSMAX && absmax < INFINITY_PATTERN) {
        scales[n * groups + g] = widenBf16(absmax) / divisor;
        lookUpCodes(bits, absmax, data, words, codes, codeWords, from, to);
      } else if (absmax >= INFINITY_PATTERN) {
        throw nonFiniteWeightFrom(source, from);
      } else {
        const group: FloatRows = { dtype: 'BF16', data: data.subarray(from, to), rows: 1, columns: to - from };
        const scheme: WeightScheme = { bits, groupSize: 0, clip: { kind: 'minmax' } };
        quantizeFloats(group, scheme, codes.subarray(from, to), scales.subarray(n * groups + g, n * groups + g + 1));
      }
    }
  }
}

/** The same memory in 32-bit words (little-endian); none where it is not aligned, and elements are then taken singly. */
function wordsOf(array: Uint16Array | Int8Array): Int32Array {
  const words = array.byteOffset % 4 === 0 ? array.byteLength >> 2 : 0;
  return new Int32Array(array.buffer, words === 0 ? 0 : array.byteOffset, words);
}
