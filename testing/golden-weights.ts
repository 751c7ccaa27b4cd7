/**
 * Weights of the golden models, which are not stored but computed: the twin of `golden_tensor` in
 * fixtures/golden/make_golden.py. They are 8-bit codes over a power of two, so F32, F16 and BF16 hold the same values.
 */

/** FNV-1a, 32 bits, of a tensor's name. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

/** -128 … 127: a step of the golden ratio per index, then the finalizer of MurmurHash3. */
function code(seed: number, index: number): number {
  let x = seed + Math.imul(index, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 24) - 128;
}

/** Norm gains in 0.5 … 1.5, biases in -1 … 1, other weights in -0.25 … 0.25. */
export function goldenTensor(name: string, elements: number): Float32Array {
  const seed = hashName(name);
  const valueOf = name.endsWith('norm.weight')
    ? (q: number) => (128 + (q >> 1)) / 128
    : (q: number) => q / (name.endsWith('.bias') ? 128 : 512);
  return Float32Array.from({ length: elements }, (_, index) => valueOf(code(seed, index)));
}
