/** Digits of the 31 bits of an f32 magnitude, the most significant first: the exponent, then the fraction. */
const digits = [
  { shift: 23, mask: 0xff },
  { shift: 15, mask: 0xff },
  { shift: 7, mask: 0xff },
  { shift: 0, mask: 0x7f },
] as const;

/**
 * Finds order statistics of f32 magnitudes by radix selection: linear time whatever the values, where quickselect has
 * inputs that take quadratic time, and exact, as the bits of magnitudes order like the magnitudes.
 */
export class MagnitudeSelector {
  readonly #counts = new Uint32Array(256);
  #candidates = new Float32Array(0);
  #candidateBits = new Int32Array(0);

  /**
   * The magnitudes of rank `rank` and `rank + 1`, 0 the smallest; at the last rank both are the largest.
   *
   * @param bits f32 patterns, finite, at least one; signs are ignored
   */
  neighbours(bits: Int32Array, rank: number): { lower: number; upper: number } {
    const candidates = this.#load(bits);
    let count = bits.length;
    let within = rank;
    let successor = -1;
    for (const { shift, mask } of digits) {
      if (count === 1) break;
      const { digit, below } = this.#digitAt(candidates, count, shift, mask, within);
      within -= below;
      let kept = 0;
      let larger = -1;
      for (let i = 0; i < count; i++) {
        const candidate = candidates[i];
        const own = (candidate >>> shift) & mask;
        if (own === digit) candidates[kept++] = candidate;
        else if (own > digit && (larger === -1 || candidate < larger)) larger = candidate;
      }
      if (larger !== -1) successor = larger;
      count = kept;
    }
    // What is left is equal; the one after the last of them is the successor, if there is any.
    const lower = candidates[0];
    return this.#values(lower, within + 1 < count || successor === -1 ? lower : successor);
  }

  #load(bits: Int32Array): Int32Array {
    if (this.#candidates.length < bits.length) {
      this.#candidates = new Float32Array(bits.length);
      this.#candidateBits = new Int32Array(this.#candidates.buffer);
    }
    for (let i = 0; i < bits.length; i++) this.#candidateBits[i] = bits[i] & 0x7fffffff;
    return this.#candidateBits;
  }

  /** The digit of the candidate of rank `rank`, and how many candidates have a smaller one. */
  #digitAt(
    candidates: Int32Array,
    count: number,
    shift: number,
    mask: number,
    rank: number,
  ): { digit: number; below: number } {
    const counts = this.#counts.fill(0);
    for (let i = 0; i < count; i++) counts[(candidates[i] >>> shift) & mask]++;
    let digit = 0;
    let below = 0;
    while (below + counts[digit] <= rank) below += counts[digit++];
    return { digit, below };
  }

  #values(lowerBits: number, upperBits: number): { lower: number; upper: number } {
    const lower = this.#value(lowerBits);
    return { lower, upper: this.#value(upperBits) };
  }

  #value(bits: number): number {
    this.#candidateBits[0] = bits;
    return this.#candidates[0];
  }
}
