import { widenBf16 } from '../../kernels/reference/float-formats.ts';
import { rint } from '../../kernels/reference/rounding.ts';
import { codeRanges } from './code-range.ts';

/**
 * Codes of BF16 weights by lookup.
 *
 * While everything is a normal number, scaling by powers of two changes no quotient, so that a code depends only on the
 * fraction of the group's absmax (7 bits), on how many patterns below it the weight's magnitude lies, and on the
 * sign. The table holds a window of 65536 codes for each fraction, laid out so that the index is a single sum,
 *
 *     start of the window + 32767 - absmax pattern + weight pattern,
 *
 * sign bit included: non-negative weights end at 32767, where the absmax itself is; negative ones, 32768 further up,
 * end at 65535.
 */
const WINDOW = 65536;
const FRACTION_BITS = 7;
const FRACTIONS = 1 << FRACTION_BITS;

/** Patterns in 8 binades: what is further below the absmax has a quotient under 127 / 256 (int4: less) and code 0. */
const CODED_PATTERNS = 8 << FRACTION_BITS;

/** Pattern of 1, the exponent at which the quotients are taken. */
const UNIT_PATTERN = 127 << FRACTION_BITS;

/** Absmax patterns from here (2^-118) on have a normal scale and only normal magnitudes among the coded ones. */
export const FIRST_TABLED_ABSMAX: number = 9 << FRACTION_BITS;

const tableStarts = { 8: 0, 4: FRACTIONS * WINDOW } as const;

/**
 * The codes of int8, then those of int4, as bytes. Of its 16 MiB only the pages near the ends of windows are ever
 * written or read much; the rest stays untouched zeros, which the system does not back with memory. It is a constant
 * of this module so that V8 compiles its address into the loop.
 */
const table = new Uint8Array(2 * FRACTIONS * WINDOW);
const filled = { 8: false, 4: false };

/** Fills the part of `bits` at its first use, in some 10 ms. */
export function prepareCodes(bits: 8 | 4): void {
  if (filled[bits]) return;
  filled[bits] = true;
  const { divisor, lowest, highest } = codeRanges[bits];
  for (let fraction = 0; fraction < FRACTIONS; fraction++) {
    const absmax = UNIT_PATTERN | fraction;
    const window = windowOf(bits, absmax);
    const scale = Math.fround(widenBf16(absmax) / divisor);
    for (let pattern = absmax; pattern > absmax - CODED_PATTERNS; pattern--) {
      const code = rint(Math.fround(widenBf16(pattern) / scale));
      table[window + pattern] = Math.min(code, highest);
      table[window + pattern + 0x8000] = Math.max(-code, lowest);
    }
  }
}

/** What to add to a weight's pattern to get the index of its code. */
function windowOf(bits: 8 | 4, absmax: number): number {
  return tableStarts[bits] + (absmax & (FRACTIONS - 1)) * WINDOW + 32767 - absmax;
}

/**
 * Codes of elements `from … to`, whose largest magnitude pattern is `absmax`, after `prepareCodes`. Four codes make one
 * store where the words cover the elements.
 *
 * @param words the memory of `patterns`, two elements a word; may be empty
 * @param codeWords the memory of `codes`, four codes a word; may be empty
 */
export function lookUpCodes(
  bits: 8 | 4,
  absmax: number,
  patterns: Uint16Array,
  words: Int32Array,
  codes: Int8Array,
  codeWords: Int32Array,
  from: number,
  to: number,
): void {
  const window = windowOf(bits, absmax);
  const first = Math.min(to, (from + 3) & -4);
  const last = Math.max(first, Math.min(to, words.length << 1, codeWords.length << 2) & -4);
  for (let i = first >> 2, j = first >> 1, end = last >> 2; i < end; i++, j += 2) {
    const left = words[j];
    const right = words[j + 1];
    codeWords[i] =
      table[window + (left & 0xffff)] |
      (table[window + (left >>> 16)] << 8) |
      (table[window + (right & 0xffff)] << 16) |
      (table[window + (right >>> 16)] << 24);
  }
  for (let k = from; k < first; k++) codes[k] = table[window + patterns[k]];
  for (let k = last; k < to; k++) codes[k] = table[window + patterns[k]];
}
