import { describe, expect, it } from 'vitest';
import { randomCodes } from '../../testing/random-arrays.ts';
import { MAX_INTEGER_DEPTH, matmulInt8 } from './matmul-int8.ts';

describe('matmulInt8', () => {
  it.each([
    [1, 1, 1],
    [2, 7, 33],
    [5, 3, 129],
    [33, 31, 513],
  ])('is exact: m %i, n %i, k %i', (m, n, k) => {
    const a = randomCodes(m * k, 1, -128);
    const b = randomCodes(n * k, 2, -128);
    const expected = Int32Array.from({ length: m * n }, (_, i) => {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += a[Math.floor(i / n) * k + p] * b[(i % n) * k + p];
      return sum;
    });
    expect(matmulInt8(a, b, m, n, k)).toEqual(expected);
  });

  it('holds the longest product of extremes, and refuses a longer one', () => {
    const longest = new Int8Array(MAX_INTEGER_DEPTH).fill(-128);
    expect(matmulInt8(longest, longest, 1, 1, MAX_INTEGER_DEPTH)).toEqual(Int32Array.of(MAX_INTEGER_DEPTH * 128 ** 2));
    const longer = new Int8Array(MAX_INTEGER_DEPTH + 1);
    expect(() => matmulInt8(longer, longer, 1, 1, longer.length)).toThrow('matmulInt8: k = 131072 may overflow int32');
  });

  it('refuses arrays that do not fit', () => {
    expect(() => matmulInt8(new Int8Array(5), new Int8Array(6), 2, 2, 3)).toThrow('a must hold 2 × 3 codes, not 5');
    expect(() => matmulInt8(new Int8Array(6), new Int8Array(5), 2, 2, 3)).toThrow('b must hold 2 × 3 codes, not 5');
    expect(() => matmulInt8(new Int8Array(0), new Int8Array(0), 0, 2, 3)).toThrow(RangeError);
  });
});
