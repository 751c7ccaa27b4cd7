/** Numbers that are the same for a seed on every machine: the generator xorshift32 (Marsaglia 2003). */
export class Random {
  #state: number;

  constructor(seed: number) {
    // A step of the golden ratio keeps neighbouring seeds apart; the state must not be 0.
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x2545f491) | 0 || 1;
    for (let i = 0; i < 4; i++) this.bits();
  }

  /** 32 random bits as a signed integer. */
  bits(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (this.#state = x);
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return (this.bits() >>> 0) / 2 ** 32;
  }

  /** Uniform among 0 … count - 1. */
  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  /** An integer from `least` to `most` whose logarithm is uniform, so that small sizes come often. */
  size(least: number, most: number): number {
    return Math.min(Math.floor(least * ((most + 1) / least) ** this.uniform()), most);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }

  /** Codes of `bits` bits, all patterns, four from each number. */
  fillCodes(codes: Int8Array, bits: 8 | 4): void {
    const shift = 32 - bits;
    const step = bits === 8 ? 8 : 4;
    for (let i = 0; i < codes.length; i += 4) {
      let word = this.bits();
      for (let lane = i; lane < codes.length && lane < i + 4; lane++, word >>>= step)
        codes[lane] = (word << shift) >> shift;
    }
  }

  /** Uniform in [-limit, limit). */
  fillFloats(values: Float32Array, limit: number): void {
    const factor = limit / 2 ** 31;
    for (let i = 0; i < values.length; i++) values[i] = this.bits() * factor;
  }
}
