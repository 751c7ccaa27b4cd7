/** The sign bits of two 16-bit patterns in one word, and the rest of them. */
const SIGNS = 0x80008000 | 0;
const MAGNITUDES = 0x7fff7fff;

/**
 * Elements of a loop. Short loops are faster than one over a long row: over rows of 4096 that come from memory, this
 * length makes the whole quantizer a tenth faster.
 */
const STRIP = 1024;

/**
 * The largest magnitude pattern (sign bit cleared) in elements `from … to`, for formats of 16 bits.
 *
 * @param patterns the elements
 * @param words the same memory, two elements a word; may be empty where memory is not aligned
 */
export function maxMagnitude(patterns: Uint16Array, words: Int32Array, from: number, to: number): number {
  const first = Math.min(to, from + (from & 1));
  const last = first + Math.max(0, (Math.min(to, words.length << 1) - first) & -8);
  let largest = 0;
  for (let strip = first; strip < last; strip += STRIP) {
    largest = Math.max(largest, maxOfWords(words, strip >> 1, Math.min(strip + STRIP, last) >> 1));
  }
  for (let k = from; k < first; k++) largest = Math.max(largest, patterns[k] & 0x7fff);
  for (let k = last; k < to; k++) largest = Math.max(largest, patterns[k] & 0x7fff);
  return largest;
}

/** Words `from … to`, a multiple of 4, in four independent chains of two lanes each. */
function maxOfWords(words: Int32Array, from: number, to: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = from; i < to; i += 4) {
    a = maxOfLanes(a, words[i] & MAGNITUDES);
    b = maxOfLanes(b, words[i + 1] & MAGNITUDES);
    c = maxOfLanes(c, words[i + 2] & MAGNITUDES);
    d = maxOfLanes(d, words[i + 3] & MAGNITUDES);
  }
  const lanes = maxOfLanes(maxOfLanes(a, b), maxOfLanes(c, d));
  return Math.max(lanes & 0x7fff, lanes >>> 16);
}

/**
 * The larger of each pair of 15-bit lanes, without a branch: in short groups the maximum changes too often to predict.
 * With the sign bits set, a difference of lanes cannot borrow from its neighbour, and keeps its sign bit where a ≥ b; that
 * bit less its own 15th part masks the lane.
 */
function maxOfLanes(a: number, b: number): number {
  const kept = ((a | SIGNS) - b) & SIGNS;
  return b ^ ((a ^ b) & (kept - (kept >>> 15)));
}
