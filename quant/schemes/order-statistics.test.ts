import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MagnitudeSelector } from './order-statistics.ts';

describe('MagnitudeSelector', () => {
  it('finds at every rank what sorting finds, with duplicates, subnormals and both signs', () => {
    const value = fc.oneof(
      fc.float({ noNaN: true, noDefaultInfinity: true }),
      fc.integer({ min: -3, max: 3 }),
      fc.integer({ min: 0, max: 9 }).map((n) => Math.fround(1 + n * 2 ** -23)),
      fc.constantFrom(0, -0, 2 ** -149),
    );
    const selector = new MagnitudeSelector();
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 60 }), (values) => {
        const array = Float32Array.from(values);
        const sorted = array.map(Math.abs).sort();
        for (let rank = 0; rank < sorted.length; rank++) {
          const { lower, upper } = selector.neighbours(new Int32Array(array.buffer), rank);
          expect(lower).toBe(sorted[rank]);
          expect(upper).toBe(sorted[Math.min(rank + 1, sorted.length - 1)]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('leaves the bits it was given alone', () => {
    const bits = new Int32Array(Float32Array.of(-3, 1, -2).buffer);
    const copy = bits.slice();
    new MagnitudeSelector().neighbours(bits, 1);
    expect(bits).toEqual(copy);
  });
});
