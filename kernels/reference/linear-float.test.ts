import { describe, expect, it } from 'vitest';
import { randomCodes, randomFloats } from '../../testing/random-arrays.ts';
import type { AffineWeight, DenseWeight } from '../backend.ts';
import { openReferenceBackend } from './backend.ts';
import { narrowBf16, narrowF16, widenBf16, widenF16 } from './float-formats.ts';

const backend = openReferenceBackend();

/** A weight element and a bound of the error that it has after widening. */
type Element = (n: number, k: number) => { value: number; error: number };

/** Compares `linear` with the plain formula in float64. */
async function expectProduct(rows: number, weight: DenseWeight | AffineWeight, element: Element): Promise<void> {
  const { outFeatures: N, inFeatures: K, bias } = weight;
  const x = randomFloats(rows * K, rows);
  const out = backend.allocate(rows, N);
  await backend.linear(out, backend.upload(rows, K, x), backend.loadWeight(weight));
  const actual = backend.download(out);
  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < N; n++) {
      let expected = bias ? bias[n] : 0;
      // What summing K terms in another order can change in float64, with a good margin.
      let tolerance = 1e-13 * K;
      for (let k = 0; k < K; k++) {
        const { value, error } = element(n, k);
        expected += x[m * K + k] * value;
        tolerance += Math.abs(x[m * K + k]) * error;
      }
      // The sum is rounded to f32 once.
      tolerance += 2 ** -24 * Math.abs(expected);
      expect(Math.abs(actual[m * N + n] - expected)).toBeLessThanOrEqual(tolerance);
    }
  }
}

const shapes = [
  [1, 1, 1],
  [1, 33, 129],
  [2, 7, 576],
  [7, 4, 513],
  [33, 65, 127],
  [513, 5, 3],
] as const;

describe('linear with float weights', () => {
  it.each(shapes)('multiplies F32: M %i, N %i, K %i', async (rows, N, K) => {
    const data = randomFloats(N * K, 9);
    const weight: DenseWeight = { kind: 'dense', dtype: 'F32', data, outFeatures: N, inFeatures: K };
    await expectProduct(rows, weight, (n, k) => ({ value: data[n * K + k], error: 0 }));
    const bias = randomFloats(N, 10);
    await expectProduct(rows, { ...weight, bias }, (n, k) => ({ value: data[n * K + k], error: 0 }));
  });

  it.each(['F16', 'BF16'] as const)('widens %s exactly', async (dtype) => {
    const [N, K] = [9, 67];
    const [narrow, widen] = dtype === 'F16' ? [narrowF16, widenF16] : [narrowBf16, widenBf16];
    const data = Uint16Array.from(randomFloats(N * K, 9), narrow);
    const weight: DenseWeight = { kind: 'dense', dtype, data, outFeatures: N, inFeatures: K };
    await expectProduct(5, weight, (n, k) => ({ value: widen(data[n * K + k]), error: 0 }));
  });

  it.each([
    [8, 64],
    [4, 32],
    [4, 0],
  ] as const)('widens affine codes of %i bits, group size %i', async (bits, groupSize) => {
    const [N, K] = [9, 130];
    const groups = groupSize === 0 ? 1 : Math.ceil(K / groupSize);
    const codes = new Uint8Array(randomCodes(N * K, 1, 0, 2 ** (bits - 1) - 1)).map((code) => 2 * code + 1);
    const scales = randomFloats(N * groups, 2);
    const biases = randomFloats(N * groups, 3);
    const shape = { bits, outFeatures: N, inFeatures: K, groupSize };
    await expectProduct(3, { kind: 'affine', ...shape, codes, scales, biases }, (n, k) => {
      const group = n * groups + (groupSize === 0 ? 0 : Math.floor(k / groupSize));
      const product = scales[group] * codes[n * K + k];
      const value = product + biases[group];
      // Two f32 operations: the product, then the sum, which may be a little larger for the error of the product.
      return { value, error: 2 ** -24 * (2 * Math.abs(product) + Math.abs(value)) };
    });
  });
});
