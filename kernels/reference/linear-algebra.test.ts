import { describe, expect, it } from 'vitest';
import { randomDoubles } from '../../testing/random-arrays.ts';
import { matrix, type HadamardBase, type Matrix } from '../linear-algebra.ts';
import { referenceLinearAlgebra as algebra } from './linear-algebra.ts';

const at = ({ data, offset, stride }: Matrix, i: number, j: number): number => data[offset + i * stride + j];

/** A block in the middle of an array. */
function randomBlock(rows: number, columns: number, seed: number): Matrix {
  const stride = columns + 3;
  return { data: randomDoubles(5 + rows * stride, seed), offset: 2, stride, rows, columns };
}

/** What is not part of the block. */
function outside({ data, offset, stride, rows, columns }: Matrix): number[] {
  return Array.from(data).filter((_, index) => {
    const column = (index - offset) % stride;
    return index < offset || index >= offset + rows * stride || column >= columns;
  });
}

describe('multiplyAdd', () => {
  it.each([false, true])('adds the products one by one to what is there; b transposed: %s', async (transposeB) => {
    const [c, a] = [randomBlock(3, 4, 1), randomBlock(3, 5, 2)];
    const b = transposeB ? randomBlock(4, 5, 3) : randomBlock(5, 4, 3);
    const expected: number[] = [];
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 4; j++) {
        let sum = at(c, i, j);
        for (let k = 0; k < 5; k++) sum += 0.3 * at(a, i, k) * (transposeB ? at(b, j, k) : at(b, k, j));
        expected.push(sum);
      }
    }
    const before = outside(c);
    await algebra.multiplyAdd(c, 0.3, a, b, { transposeB });
    expect(Array.from({ length: 12 }, (_, i) => at(c, Math.floor(i / 4), i % 4))).toEqual(expected);
    expect(outside(c)).toEqual(before);
  });

  it('takes a block of the array that it writes to', async () => {
    const data = Float64Array.of(1, 2, 10, 20);
    const column = (offset: number) => ({ data, offset, stride: 2, rows: 2, columns: 1 });
    await algebra.multiplyAdd(column(1), -1, column(0), matrix(Float64Array.of(3), 1, 1));
    expect(Array.from(data)).toEqual([1, -1, 10, -10]);
  });

  it('rejects what does not fit', async () => {
    const x = matrix(new Float64Array(6), 2, 3);
    await expect(algebra.multiplyAdd(x, 1, x, x)).rejects.toThrow(RangeError);
  });
});

describe('inverseFactor', () => {
  it('gives an upper triangular U with Uᵀ · U = h⁻¹, from the lower triangle of h', async () => {
    const n = 12;
    const x = randomBlock(n, n + 2, 4);
    const h = randomBlock(n, n, 5);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = 0; k < x.columns; k++) sum += at(x, i, k) * at(x, j, k);
        h.data[h.offset + i * h.stride + j] = j > i ? NaN : sum;
      }
    }
    const u = { ...h, data: h.data.slice() };
    expect(await algebra.inverseFactor(u)).toBeUndefined();
    expect(outside(u)).toEqual(outside(h));
    const inverse = (i: number, j: number) => {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += at(u, k, i) * at(u, k, j);
      return sum;
    };
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        if (j < i) expect(at(u, i, j)).toBe(0);
        let sum = 0;
        for (let k = 0; k < n; k++) sum += at(h, Math.max(i, k), Math.min(i, k)) * inverse(k, j);
        expect(sum).toBeCloseTo(i === j ? 1 : 0, 9);
      }
    }
  });

  it('computes by hand: [[5, 2], [2, 4]] = R · Rᵀ with R = [[2, 1], [0, 2]]', async () => {
    const h = matrix(Float64Array.of(5, NaN, 2, 4), 2, 2);
    expect(await algebra.inverseFactor(h)).toBeUndefined();
    expect(Array.from(h.data)).toEqual([0.5, -0.25, 0, 0.5]);
  });

  it.each([0, -1, NaN, Infinity])('names the first pivot, from the last, that is not positive: %d', async (value) => {
    const h = matrix(new Float64Array(16), 4, 4);
    for (let i = 0; i < 4; i++) h.data[5 * i] = 1;
    h.data[0] = 0;
    h.data[10] = value;
    expect(await algebra.inverseFactor(h)).toBe(2);
  });
});

describe('hadamard', () => {
  const identity = (n: number): Matrix => {
    const x = matrix(new Float64Array(n * n), n, n);
    for (let i = 0; i < n; i++) x.data[i * n + i] = 1;
    return x;
  };

  it("multiplies by Sylvester's matrix", async () => {
    const x = identity(8);
    await algebra.hadamard(x);
    for (let i = 0; i < 8; i++) {
      for (let j = 0; j < 8; j++) {
        const ones = (i & j).toString(2).replaceAll('0', '').length;
        expect(at(x, i, j)).toBe((-1) ** ones / Math.sqrt(8));
      }
    }
  });

  it('multiplies the pieces by the base', async () => {
    const base: HadamardBase = { order: 4, signs: Int8Array.of(1, 1, 1, 1, -1, 1, 1, -1, -1, -1, 1, 1, -1, 1, -1, 1) };
    const x = identity(8);
    await algebra.hadamard(x, base);
    for (let i = 0; i < 8; i++) {
      for (let j = 0; j < 8; j++) {
        const sign = (i >= 4 && j >= 4 ? -1 : 1) * base.signs[4 * (i % 4) + (j % 4)];
        expect(at(x, i, j)).toBe(sign / Math.sqrt(8));
      }
    }
  });

  it('leaves everything else alone', async () => {
    const x = randomBlock(3, 16, 6);
    const before = outside(x);
    await algebra.hadamard(x);
    expect(outside(x)).toEqual(before);
  });
});

describe('accumulate', () => {
  it('adds yᵀ · x', async () => {
    const sum = matrix(Float64Array.of(100, 200, 300, 400, 500, 600), 2, 3);
    await algebra.accumulate(sum, Float32Array.of(1, 2, 3, 4), Float32Array.of(1, 2, 3, 4, 5, 6), 2);
    expect(Array.from(sum.data)).toEqual([113, 217, 321, 418, 524, 630]);
  });
});
