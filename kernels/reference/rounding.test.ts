import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNormalF32, rint, rintClamped } from './rounding.ts';

const f32 = (): fc.Arbitrary<number> => fc.float({ noNaN: true, noDefaultInfinity: true });

describe('rint', () => {
  it('takes ties to the even neighbour on both sides of zero', () => {
    for (let k = -1000; k < 1000; k++) {
      expect(rint(k + 0.5)).toBe(k % 2 === 0 ? k : k + 1);
    }
  });

  it('takes ties to even up to the largest f32 with a fraction', () => {
    expect(rint(2 ** 22 + 0.5)).toBe(2 ** 22);
    expect(rint(2 ** 23 - 0.5)).toBe(2 ** 23);
    expect(rint(2 ** 23 - 1.5)).toBe(2 ** 23 - 2);
    expect(rint(-(2 ** 23) + 1.5)).toBe(-(2 ** 23) + 2);
  });

  it('returns a whole number that no other is nearer than, for every f32', () => {
    fc.assert(
      fc.property(f32(), (value) => {
        const rounded = rint(value);
        expect(Number.isInteger(rounded)).toBe(true);
        expect(Math.abs(rounded - value)).toBeLessThanOrEqual(0.5);
      }),
      { numRuns: 2000 },
    );
  });

  it('leaves what is whole, infinite or NaN as it is', () => {
    for (const value of [2 ** 24, 2 ** 51, 2 ** 51 + 1, 2 ** 100, -(2 ** 127), Infinity, -Infinity, NaN]) {
      expect(rint(value)).toBe(value);
    }
  });
});

describe('rintClamped', () => {
  it('is rint, then clamp', () => {
    const value = fc.oneof(
      f32(),
      fc.integer({ min: -300, max: 300 }).map((n) => n / 2),
      fc.constantFrom(Infinity, -Infinity, 3e38, -3e38),
    );
    fc.assert(
      fc.property(value, fc.constantFrom([-127, 127], [-8, 7]), (x, [lowest, highest]) => {
        expect(rintClamped(x, lowest, highest) + 0).toBe(Math.min(Math.max(rint(x), lowest), highest) + 0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('isNormalF32', () => {
  it('is true from 2^-126 to the largest finite f32', () => {
    for (const value of [2 ** -126, -(2 ** -126), 1, 3.4028234663852886e38]) expect(isNormalF32(value)).toBe(true);
  });

  it('is false for zero, subnormals, infinities and NaN', () => {
    const largestSubnormal = 2 ** -126 - 2 ** -149;
    for (const value of [0, -0, 2 ** -149, largestSubnormal, -largestSubnormal, Infinity, -Infinity, NaN]) {
      expect(isNormalF32(value)).toBe(false);
    }
  });
});
