import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nativeLibraryForTests, needNativeLibrary } from '../../testing/native-library.ts';
import { randomCodes, randomDoubles, randomFloats } from '../../testing/random-arrays.ts';
import { matrix, type LinearAlgebra, type Matrix } from '../linear-algebra.ts';
import { referenceLinearAlgebra } from '../reference/linear-algebra.ts';
import { openNativeBackend, type NativeBackend } from './backend.ts';

const library = nativeLibraryForTests();

/** A block of a larger array. */
const randomBlock = (rows: number, columns: number, seed: number): Matrix => ({
  data: randomDoubles(7 + rows * (columns + 2), seed),
  offset: 3,
  stride: columns + 2,
  rows,
  columns,
});

const copyOf = (block: Matrix): Matrix => ({ ...block, data: block.data.slice() });

/** Bits: of zeros and NaN too. */
const bitsOf = ({ data }: Matrix): BigUint64Array => new BigUint64Array(data.buffer, data.byteOffset, data.length);

/** What both make of copies of a matrix. */
async function bothOf(
  algebra: LinearAlgebra,
  start: Matrix,
  run: (algebra: LinearAlgebra, x: Matrix) => Promise<unknown>,
): Promise<[Matrix, Matrix]> {
  const [ours, reference] = [copyOf(start), copyOf(start)];
  expect(await run(algebra, ours)).toEqual(await run(referenceLinearAlgebra, reference));
  return [ours, reference];
}

describe.skipIf(!library)('linear algebra of the library', () => {
  let backend: NativeBackend;
  let algebra: LinearAlgebra;
  beforeEach(() => {
    backend = openNativeBackend(needNativeLibrary(), { threads: 2 });
    algebra = backend.linearAlgebra;
  });
  afterEach(() => {
    backend.close();
  });

  const expectSameBits = async (start: Matrix, run: (algebra: LinearAlgebra, x: Matrix) => Promise<unknown>) => {
    const [ours, reference] = await bothOf(algebra, start, run);
    expect(Buffer.from(bitsOf(ours).buffer).equals(Buffer.from(bitsOf(reference).buffer))).toBe(true);
  };

  it.each([
    [1, 1, 1],
    [2, 7, 33],
    [33, 129, 7],
    [129, 33, 576],
  ])('multiplies and adds to the bit: [%i, %i], k %i', async (m, n, k) => {
    const [c, a] = [randomBlock(m, n, 1), randomBlock(m, k, 2)];
    for (const transposeB of [false, true]) {
      const b = transposeB ? randomBlock(n, k, 3) : randomBlock(k, n, 3);
      await expectSameBits(c, (of, x) => of.multiplyAdd(x, -0.7, a, b, { transposeB }));
    }
  });

  it.each([1, 2, 7, 33, 127, 129, 300])('has the inverse factor to the bit: %i', async (n) => {
    const h = randomBlock(n, n, 4);
    const x = randomBlock(n, n + 3, 5);
    h.data.fill(0);
    for (let i = 0; i < n; i++) h.data[h.offset + i * h.stride + i] = 0.1;
    await referenceLinearAlgebra.multiplyAdd(h, 1, x, x, { transposeB: true });
    await expectSameBits(h, async (of, u) => {
      expect(await of.inverseFactor(u)).toBeUndefined();
    });
  });

  it('names the pivot that is not positive', async () => {
    const h = matrix(Float64Array.of(4, 2, 2, 1), 2, 2);
    expect(await algebra.inverseFactor(h)).toBe(0);
    expect(await algebra.inverseFactor(matrix(Float64Array.of(4, 0, 0, -1), 2, 2))).toBe(1);
  });

  it.each([
    [1, 1],
    [1, 256],
    [12, 8],
    [36, 16],
  ])('has Hadamard products to the bit: order %i times %i', async (order, power) => {
    const x = randomBlock(7, order * power, 6);
    x.data[3] = -0;
    const signs = randomCodes(order * order, 7, 0, 1).map((code) => (code === 0 ? -1 : 1));
    await expectSameBits(x, (of, rotated) => of.hadamard(rotated, { order, signs }));
    if (order === 1) await expectSameBits(x, (of, rotated) => of.hadamard(rotated));
  });

  // Of 33 products, each is rounded and is part of up to 33 sums: 34 u Σ |y x|, with |y x| ≤ 1.
  it('accumulates up to rounding, and symmetrically', async () => {
    const count = 33;
    const [y, x] = [randomFloats(count * 35, 8), randomFloats(count * 129, 9)];
    for (const [left, p] of [[y, 35] as const, [x, 129] as const]) {
      const [ours, reference] = await bothOf(algebra, randomBlock(p, 129, 10), (of, sum) =>
        of.accumulate(sum, left, x, count),
      );
      const off = ours.data.map((value, i) => Math.abs(value - reference.data[i]));
      expect(Math.max(...off)).toBeLessThan((count + 1) * 2 ** -24 * count);
    }
    const sum = matrix(new Float64Array(129 * 129), 129, 129);
    await algebra.accumulate(sum, x, x, count);
    const mirrored = sum.data.map((_, i) => sum.data[(i % 129) * 129 + Math.floor(i / 129)]);
    expect(mirrored).toEqual(sum.data);
  });

  it('goes to another thread for what takes long, and answers from there', async () => {
    const n = 1000;
    const h = matrix(new Float64Array(n * n), n, n);
    for (let i = 0; i < n; i++) h.data[i * n + i] = i === 700 ? -1 : 4;
    const promise = algebra.inverseFactor(h);
    expect(() => backend.allocate(1, 1)).toThrow('await inverse_factor first');
    expect(await promise).toBe(700);
    for (let i = 0; i < n; i++) h.data.fill(0, i * n, (i + 1) * n).fill(4, i * n + i, i * n + i + 1);
    expect(await algebra.inverseFactor(h)).toBeUndefined();
    expect(h.data.filter((value) => value !== 0)).toEqual(new Float64Array(n).fill(0.5));
  });

  it('refuses what does not fit', async () => {
    const x = matrix(new Float64Array(6), 2, 3);
    await expect(algebra.multiplyAdd(x, 1, x, x)).rejects.toThrow(RangeError);
    await expect(algebra.inverseFactor(x)).rejects.toThrow('inverseFactor: h [2, 3] is not square');
    await expect(algebra.hadamard(x)).rejects.toThrow('hadamard: 3 columns are not 1 times a power of two');
    await expect(algebra.accumulate(x, new Float32Array(2), new Float32Array(4), 1)).rejects.toThrow(
      'accumulate: x [1, 3] needs 3 values, got 4',
    );
    backend.close();
    await expect(algebra.inverseFactor(matrix(new Float64Array(1), 1, 1))).rejects.toThrow('the backend was closed');
  });
});
