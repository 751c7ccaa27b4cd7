/** Random choices that are the same in every run: sfc32 by Chris Doty-Humphrey (PractRand). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** A stream of its own for each case of each target and seed. */
  constructor(stream: string, seed: number, index: number) {
    this.#a = hash(stream);
    this.#b = seed | 0;
    this.#c = index | 0;
    // Streams that begin alike have parted by then.
    for (let i = 0; i < 12; i++) this.bits();
  }

  /** 32 random bits, as an integer of either sign. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum;
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(((this.bits() >>> 0) / 2 ** 32) * count);
  }

  chance(probability: number): boolean {
    return (this.bits() >>> 0) / 2 ** 32 < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  /** From 1 to `max`, small ones more often: each power of two is as likely as the next. */
  size(max: number): number {
    return Math.floor(2 ** (((this.bits() >>> 0) / 2 ** 32) * Math.log2(max + 1)));
  }
}

/** FNV-1a of the UTF-16 units. */
function hash(text: string): number {
  let value = 0x811c9dc5 | 0;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value;
}
