import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxMagnitude } from './max-magnitude.ts';

describe('maxMagnitude', () => {
  const patterns = fc.uint16Array({ maxLength: 200 });

  it('finds the largest magnitude of any range, with words and without', () => {
    fc.assert(
      fc.property(patterns, fc.nat(), fc.nat(), (array, a, b) => {
        const [from, to] = [a % (array.length + 1), b % (array.length + 1)].sort((x, y) => x - y);
        const wanted = Math.max(0, ...array.subarray(from, to).map((pattern) => pattern & 0x7fff));
        const words = new Int32Array(array.buffer, 0, array.length >> 1);
        expect(maxMagnitude(array, words, from, to)).toBe(wanted);
        expect(maxMagnitude(array, new Int32Array(0), from, to)).toBe(wanted);
      }),
      { numRuns: 2000 },
    );
  });

  it('sees the maximum wherever it is in a long range', () => {
    const array = new Uint16Array(2500).fill(0x8001);
    const words = new Int32Array(array.buffer);
    for (let k = 0; k < array.length; k++) {
      array[k] = 0x8002;
      expect(maxMagnitude(array, words, 0, array.length)).toBe(2);
      array[k] = 0x8001;
    }
  });
});
