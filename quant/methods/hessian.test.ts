import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { referenceLinearAlgebra as algebra } from '../../kernels/reference/linear-algebra.ts';
import { publishedFactor } from './gptq.test.oracle.ts';
import { correlatedInputs, gram, layers, prepared, published } from './hessian.test.samples.ts';
import { prepareHessian } from './hessian.ts';

describe('prepareHessian', () => {
  it.each([false, true])(
    'gives the factor that gptq.py makes in three steps, act-order %s',
    async (activationOrder) => {
      const columns = 40;
      const values = gram(correlatedInputs(columns, 90, 1), columns);
      const { factor, order } = await prepared(values, columns, { damping: 0.01, activationOrder });
      const expected = publishedFactor(values, order, 0.01);
      // Both lose about condition number · 2^-53, here 1e4 · 1e-16, of the largest element.
      const largest = Math.max(...expected.flat().map(Math.abs));
      const distances = expected.flat().map((value, i) => Math.abs(value - factor.data[i]));
      expect(Math.max(...distances)).toBeLessThan(1e-11 * largest);
      expect(factor.data[columns]).toBe(0);
    },
  );

  it('orders columns by descending diagonal element, equal ones as they come, or not at all', async () => {
    const values = new Float64Array(25);
    [2, 3, 0, 3, 5].forEach((element, k) => (values[k * 6] = element));
    const { order, dead } = await prepared(values, 5, { damping: 0.01, activationOrder: true });
    expect([...order]).toEqual([4, 1, 3, 0, 2]);
    expect([...dead]).toEqual([0, 0, 1, 0, 0]);
    expect([...(await prepared(values, 5)).order]).toEqual([0, 1, 2, 3, 4]);
  });

  it('damps by a fraction of the mean of the columns that are not dead', async () => {
    const { factor } = await prepared(Float64Array.of(3, 0, 0, 0, 0, 0, 0, 0, 1), 3, {
      damping: 0.5,
      activationOrder: false,
    });
    expect([0, 4, 8].map((i) => factor.data[i])).toEqual([1 / 2, 1 / Math.sqrt(3), 1 / Math.sqrt(2)]);
    expect([...(await prepared(new Float64Array(4), 2)).dead]).toEqual([1, 1]);
  });

  it('keeps the Hessian as it was given', async () => {
    const given = gram(correlatedInputs(9, 4, 2, [3]), 9);
    const { values } = await prepared(given.slice(), 9);
    expect(values.data).toEqual(given);
  });

  it('has a factor for any inputs, of whatever rank', async () => {
    await fc.assert(
      fc.asyncProperty(layers, async ({ columns, values, options }) => {
        const { factor } = await prepared(values, columns, options);
        expect(factor.data.every(Number.isFinite)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ['a NaN off the diagonal', [1, NaN, NaN, 1]],
    ['a NaN on the diagonal', [1, 0, 0, NaN]],
    ['an infinity', [Infinity, 0, 0, 1]],
    ['an infinity off the diagonal', [1, Infinity, Infinity, 1]],
    ['a negative pivot', [1, 2, 2, 1]],
    ['a negative diagonal element, however small', [1, 0, 0, -0.001]],
  ])('gives undefined for %s', async (_, values) => {
    const hessian = { columns: 2, values: Float64Array.from(values) };
    expect(await prepareHessian(hessian, published, algebra)).toBeUndefined();
    expect(await prepareHessian(hessian, { ...published, activationOrder: true }, algebra)).toBeUndefined();
  });

  it('gives undefined for less than full rank without damping', async () => {
    const hessian = { columns: 2, values: Float64Array.of(1, 1, 1, 1) };
    expect(await prepareHessian(hessian, { damping: 0, activationOrder: false }, algebra)).toBeUndefined();
  });

  it('refuses a length that does not fit', async () => {
    const hessian = { columns: 2, values: new Float64Array(5) };
    await expect(prepareHessian(hessian, published, algebra)).rejects.toThrow('values holds 5 elements, not 4');
  });
});
