import { describe, expect, it } from 'vitest';
import { matrix, type Matrix } from '../../kernels/linear-algebra.ts';
import { referenceLinearAlgebra as algebra } from '../../kernels/reference/linear-algebra.ts';
import { randomFloats } from '../../testing/random-arrays.ts';
import { orthogonalMatrix } from './orthogonal-matrix.ts';

/** Rounding of sums of some 50 products of numbers below 1, to f64. */
const TOLERANCE = 1e-13;

function identity(n: number): Matrix {
  const data = new Float64Array(n * n);
  for (let i = 0; i < n; i++) data[i * n + i] = 1;
  return matrix(data, n, n);
}

const largestDifference = (a: Float64Array, b: Float64Array): number =>
  a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);

async function valuesOf(size: number, seed: number): Promise<Float64Array> {
  const q = identity(size);
  await (await orthogonalMatrix(size, seed, algebra)).apply(q);
  return q.data;
}

describe('orthogonalMatrix', () => {
  it('has orthonormal rows, of a Hadamard matrix and of others', async () => {
    for (const size of [1, 2, 3, 7, 12, 14, 20, 22, 24, 28, 33, 36, 40, 64]) {
      const q = matrix(await valuesOf(size, size), size, size);
      const product = matrix(new Float64Array(size * size), size, size);
      await algebra.multiplyAdd(product, 1, q, q, { transposeB: true });
      expect(largestDifference(product.data, identity(size).data)).toBeLessThan(TOLERANCE);
    }
  });

  it.each([16, 12, 28, 22])(
    'is undone in a block of a larger matrix, which stays as it is around it: size %i',
    async (size) => {
      const [rows, stride, offset] = [3, size + 5, 4 + size];
      const data = Float64Array.from(randomFloats(offset + rows * stride, size));
      const before = data.slice();
      const block = { data, offset, stride, rows, columns: size };
      const q = await orthogonalMatrix(size, 1, algebra);
      await q.apply(block);
      const inBlock = (i: number): boolean => i >= offset && (i - offset) % stride < size;
      data.forEach((value, i) => {
        expect([i, value === before[i]]).toEqual([i, !inBlock(i)]);
      });
      await q.undo(block);
      expect(largestDifference(data, before)).toBeLessThan(TOLERANCE);
    },
  );

  it.each([16, 20, 22])('is the same for a seed, and another for another: size %i', async (size) => {
    const first = await valuesOf(size, 7);
    expect(await valuesOf(size, 7)).toEqual(first);
    expect(largestDifference(await valuesOf(size, 8), first)).toBeGreaterThan(0.1);
  });

  it.each([576, 22])('spreads an outlier over all channels: size %i', async (size) => {
    const row = new Float64Array(size);
    row[5] = 100;
    await (await orthogonalMatrix(size, 3, algebra)).apply(matrix(row, 1, size));
    // sqrt(1 / size) each for a Hadamard matrix; a random direction of 22 channels has none over 0.8.
    expect(Math.max(...row.map(Math.abs))).toBeLessThan(size === 576 ? 100 / 23.9 : 80);
  });
});
