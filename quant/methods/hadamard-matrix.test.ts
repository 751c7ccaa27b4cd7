import { describe, expect, it } from 'vitest';
import { hadamardBase } from './hadamard-matrix.ts';

/** Products of all pairs of rows: n on the diagonal, 0 elsewhere, for a Hadamard matrix. */
function isHadamard(order: number, signs: Int8Array): boolean {
  if (signs.length !== order * order || signs.some((sign) => Math.abs(sign) !== 1)) return false;
  for (let i = 0; i < order; i++) {
    for (let j = 0; j <= i; j++) {
      let product = 0;
      for (let k = 0; k < order; k++) product += signs[i * order + k] * signs[j * order + k];
      if (product !== (i === j ? order : 0)) return false;
    }
  }
  return true;
}

describe('hadamardBase', () => {
  it.each([
    [1, 1],
    [2, 1],
    [4096, 1],
    [576, 36],
    [832, 104],
    [896, 28],
    [960, 60],
    [1536, 12],
    [2304, 36],
    [2560, 20],
    [3072, 12],
    [3584, 28],
    [5120, 20],
  ])('has for size %i a base of order %i', (n, order) => {
    expect(hadamardBase(n)?.order).toBe(order);
  });

  it('gives matrices of ±1 with orthogonal rows', () => {
    const orders = new Set<number>();
    for (let n = 1; n <= 256; n++) {
      const base = hadamardBase(n);
      if (!base || orders.has(base.order)) continue;
      orders.add(base.order);
      expect(Math.log2(n / base.order) % 1).toBe(0);
      expect([n, isHadamard(base.order, base.signs)]).toEqual([n, true]);
    }
    // Of both constructions: 28, 36 and 76 are of the second.
    expect([...orders]).toEqual(expect.arrayContaining([1, 12, 20, 28, 36, 44, 60, 76, 104]));
  });

  it.each([0, -4, 1.5, NaN, 3, 6, 14, 22, 90, 92])('knows none for %d', (n) => {
    expect(hadamardBase(n)).toBeUndefined();
  });
});
