import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrix } from '../../kernels/linear-algebra.ts';
import { referenceLinearAlgebra as algebra } from '../../kernels/reference/linear-algebra.ts';
import { groupSizes, type WeightScheme } from '../schemes/scheme.ts';
import { correlatedInputs, gram, layers, outputErrors, sampleWeights } from './hessian.test.samples.ts';
import { differences, roundRows, type QuantizedRows } from './quantized-rows.ts';
import { refitScales } from './refit-scales.ts';

const int4: WeightScheme = { bits: 4, groupSize: 0, clip: { kind: 'minmax' } };

const refit = (weight: Float64Array, target: QuantizedRows, values: Float64Array): Promise<boolean> => {
  const { rows, columns } = target;
  return refitScales(
    matrix(differences(weight, target), rows, columns),
    target,
    matrix(values, columns, columns),
    algebra,
  );
};

describe('refitScales', () => {
  it('finds the scale that codes were made with', async () => {
    const columns = 70;
    const values = gram(correlatedInputs(columns, 100, 1), columns);
    const target = roundRows(Float32Array.from(sampleWeights(2, columns, 2)), 2, columns, { ...int4, groupSize: 32 });
    const weight = differences(new Float64Array(2 * columns), target).map((value) => -value);
    const scales = target.scales.slice();
    target.scales.forEach((scale, i) => (target.scales[i] = scale * (1 + 0.01 * (i - 2))));
    for (let i = 0; i < 500 && (await refit(weight, target, values)); i++);
    // Groups are correlated: the last steps towards the solution are shorter than what f32 resolves.
    target.scales.forEach((scale, i) => {
      expect(Math.abs(scale / scales[i] - 1)).toBeLessThan(1e-5);
    });
  });

  it('is least squares for one group', async () => {
    const columns = 40;
    const inputs = correlatedInputs(columns, 60, 3);
    const weight = sampleWeights(1, columns, 4);
    const target = roundRows(Float32Array.from(weight), 1, columns, int4);
    const outputs = (row: ArrayLike<number>): number[] =>
      inputs.map((x) => x.reduce((sum, value, k) => sum + value * row[k], 0));
    const wanted = outputs(weight);
    const unit = outputs(target.codes);
    const dot = (a: number[], b: number[]): number => a.reduce((sum, value, i) => sum + value * b[i], 0);
    expect(await refit(weight, target, gram(inputs, columns))).toBe(true);
    expect(target.scales[0]).toBe(Math.fround(dot(wanted, unit) / dot(unit, unit)));
    expect(await refit(weight, target, gram(inputs, columns))).toBe(false);
  });

  it('never makes a row worse', async () => {
    await fc.assert(
      fc.asyncProperty(
        layers,
        fc.constantFrom<8 | 4>(8, 4),
        fc.constantFrom(...groupSizes),
        async ({ rows, columns, inputs, values, weight }, bits, groupSize) => {
          const target = roundRows(Float32Array.from(weight), rows, columns, { ...int4, bits, groupSize });
          const before = outputErrors(differences(weight, target), inputs, columns);
          await refit(weight, target, values);
          outputErrors(differences(weight, target), inputs, columns).forEach((error, n) => {
            expect(error).toBeLessThanOrEqual(before[n] * (1 + 1e-9) + 1e-12);
          });
          expect(target.scales.every((scale) => scale >= 0 && Number.isFinite(scale))).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('keeps scales positive, and groups without a scale without one', async () => {
    const target = roundRows(Float32Array.of(1, 2, 3, 0, 0, 0), 2, 3, int4);
    expect(await refit(Float64Array.of(-1, -2, -3, 0, 0, 0), target, gram(correlatedInputs(3, 9, 5), 3))).toBe(false);
    expect([...target.scales]).toEqual([Math.fround(3 / 7.5), 0]);
  });
});
