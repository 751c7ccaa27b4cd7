/** Numbers that are the same in every run: uniform in [0, 1), by the generator mulberry32. */
export function uniformNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Uniform in [-1, 1). */
export function randomFloats(length: number, seed: number): Float32Array {
  const next = uniformNumbers(seed);
  return Float32Array.from({ length }, () => 2 * next() - 1);
}

/** Whole numbers from `min` to `max`. */
export function randomCodes(length: number, seed: number, min = -127, max = 127): Int8Array {
  const next = uniformNumbers(seed);
  return Int8Array.from({ length }, () => min + Math.floor(next() * (max - min + 1)));
}

/** Uniform in [-1, 1), with all the digits of f64. */
export function randomDoubles(length: number, seed: number): Float64Array {
  const next = uniformNumbers(seed);
  return Float64Array.from({ length }, () => 2 * next() - 1 + 2 ** -32 * next());
}
