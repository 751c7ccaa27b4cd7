import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openNativeBackend } from '../../kernels/native/backend.ts';
import { referenceLinearAlgebra as algebra } from '../../kernels/reference/linear-algebra.ts';
import { nativeLibraryForTests, needNativeLibrary } from '../../testing/native-library.ts';
import { floatRows, run, schemes } from '../schemes/float-rows.test.samples.ts';
import { quantizeRows } from '../schemes/quantize-rows.ts';
import { NonFiniteWeightError, type WeightScheme } from '../schemes/scheme.ts';
import { compensate } from './compensation.ts';
import { gptq, prepareHessian, type GptqOptions, type GptqResult } from './gptq.ts';
import {
  correlatedInputs,
  gram,
  layers,
  outputErrors,
  prepared,
  sampleWeights,
  type Inputs,
} from './hessian.test.samples.ts';
import { differences, emptyRows } from './quantized-rows.ts';

const int4: WeightScheme = { bits: 4, groupSize: 32, clip: { kind: 'minmax' } };

const options: fc.Arbitrary<GptqOptions> = fc.record({
  clipWeights: fc.constantFrom('none', 'diagonal'),
  refine: fc.integer({ min: 0, max: 2 }),
});

const rounded = (weight: Float64Array, columns: number, scheme: WeightScheme): ReturnType<typeof run> =>
  run(quantizeRows, floatRows('F32', weight, columns), scheme);

/** The error of each row on the inputs. */
function errorsOf(
  weight: Float64Array,
  { codes, scales }: Pick<GptqResult, 'codes' | 'scales'>,
  scheme: WeightScheme,
  inputs: Inputs,
  columns: number,
): number[] {
  const quantized = { ...emptyRows(weight.length / columns, columns, scheme), codes, scales };
  return outputErrors(differences(weight, quantized), inputs, columns);
}

const total = (values: number[]): number => values.reduce((sum, value) => sum + value, 0);

describe('gptq', () => {
  it('is rounding, to the bit, where errors of columns do not add up', async () => {
    await fc.assert(
      fc.asyncProperty(layers, schemes, fc.constantFrom(1, 3), async (layer, scheme, element) => {
        const { rows, columns, weight, options } = layer;
        const identity = Float64Array.from({ length: columns ** 2 }, (_, i) => (i % (columns + 1) === 0 ? element : 0));
        const hessian = await prepared(identity, columns, options);
        const { codes, scales, error, roundingError } = await gptq(weight, rows, hessian, scheme, algebra);
        expect({ codes, scales }).toEqual(rounded(weight, columns, scheme));
        expect(error).toBe(roundingError);
      }),
      { numRuns: 200 },
    );
  });

  it('is rounding without inputs', async () => {
    const weight = sampleWeights(2, 40, 1);
    const { codes, scales } = await gptq(weight, 2, await prepared(new Float64Array(1600), 40), int4, algebra);
    expect({ codes, scales }).toEqual(rounded(weight, 40, int4));
  });

  it.each(['none', 'diagonal'] as const)(
    'makes scales without dead columns, whose codes are 0, %s',
    async (clipWeights) => {
      const columns = 32;
      const values = gram(correlatedInputs(columns, 60, 10, [3]), columns);
      const weight = sampleWeights(1, columns, 11);
      const withoutDead = weight.with(3, 0);
      const hessian = await prepared(values, columns);
      const expected = await gptq(withoutDead, 1, hessian, int4, algebra, { clipWeights });
      weight[3] = 100;
      const { codes, scales } = await gptq(weight, 1, hessian, int4, algebra, { clipWeights });
      expect({ codes, scales }).toEqual({ codes: expected.codes, scales: expected.scales });
      expect(codes[3]).toBe(0);
      expect(scales[0]).toBeLessThan(1);
    },
  );

  it('never has a larger error than rounding in any row', async () => {
    await fc.assert(
      fc.asyncProperty(layers, schemes, options, async (layer, scheme, chosen) => {
        const { rows, columns, inputs, values, weight } = layer;
        const hessian = await prepared(values, columns, layer.options);
        const result = await gptq(weight, rows, hessian, scheme, algebra, chosen);
        const errors = errorsOf(weight, result, scheme, inputs, columns);
        const roundingErrors = errorsOf(weight, rounded(weight, columns, scheme), scheme, inputs, columns);
        // Errors are sums of up to 70² products of both signs; what they come to may be next to nothing.
        const slack = 1e-10 * total(roundingErrors) + 1e-12;
        errors.forEach((error, n) => {
          expect(error).toBeLessThanOrEqual(roundingErrors[n] + slack);
        });
        expect(Math.abs(result.error - total(errors))).toBeLessThanOrEqual(slack);
        expect(Math.abs(result.roundingError - total(roundingErrors))).toBeLessThanOrEqual(slack);
      }),
      { numRuns: 150 },
    );
  });

  it('is better than rounding by much where columns are correlated, and refined by a little more', async () => {
    const [rows, columns] = [8, 160];
    const inputs = correlatedInputs(columns, 400, 2);
    const weight = sampleWeights(rows, columns, 3);
    const hessian = await prepared(gram(inputs, columns), columns, { damping: 0.01, activationOrder: true });
    const errors: number[] = [];
    for (const refine of [0, 1, 2, 4]) {
      const { error, roundingError } = await gptq(weight, rows, hessian, int4, algebra, { refine });
      errors.push(error / roundingError);
    }
    expect(errors[0]).toBeLessThan(0.6);
    expect(errors[1]).toBeLessThan(0.98 * errors[0]);
    expect(errors).toEqual([...errors].sort((a, b) => b - a));
  });

  it('never gets worse by more sweeps', async () => {
    await fc.assert(
      fc.asyncProperty(layers, schemes, async ({ rows, columns, values, weight, options }, scheme) => {
        const hessian = await prepared(values, columns, options);
        let last = Infinity;
        for (const refine of [0, 1, 2, 3]) {
          const { error } = await gptq(weight, rows, hessian, scheme, algebra, { refine });
          expect(error).toBeLessThanOrEqual(last * (1 + 1e-9) + 1e-12);
          last = error;
        }
      }),
      { numRuns: 40 },
    );
  });

  it('gives the same codes for a multiple of the Hessian', async () => {
    const values = gram(correlatedInputs(70, 90, 4, [7, 8]), 70);
    const weight = sampleWeights(3, 70, 5);
    const one = await gptq(weight, 3, await prepared(values, 70), int4, algebra, { refine: 1 });
    const many = await prepared(
      values.map((value) => 1024 * value),
      70,
    );
    expect(await gptq(weight, 3, many, int4, algebra, { refine: 1 })).toEqual({
      ...one,
      error: 1024 * one.error,
      roundingError: 1024 * one.roundingError,
    });
  });

  it('treats rows by themselves, and leaves weight and Hessian as they are', async () => {
    const [rows, columns] = [300, 10];
    const values = gram(correlatedInputs(columns, 20, 6), columns);
    const hessian = await prepared(values.slice(), columns);
    const weight = sampleWeights(rows, columns, 7);
    const given = weight.slice();
    const whole = await gptq(weight, rows, hessian, int4, algebra, { refine: 1 });
    expect(weight).toEqual(given);
    expect(hessian.values.data).toEqual(values);
    for (const n of [0, 255, 256, 299]) {
      const row = weight.slice(n * columns, (n + 1) * columns);
      const { codes, scales } = await gptq(row, 1, hessian, int4, algebra, { refine: 1 });
      expect(codes).toEqual(whole.codes.slice(n * columns, (n + 1) * columns));
      expect(scales).toEqual(whole.scales.slice(n, n + 1));
    }
  });

  it('takes weights that f32 does not hold for what they are', async () => {
    const columns = 20;
    const hessian = await prepared(gram(correlatedInputs(columns, 30, 8), columns), columns);
    const weight = sampleWeights(1, columns, 9).map((value) => value / 3);
    const result = await gptq(weight, 1, hessian, int4, algebra);
    const [error] = errorsOf(weight, result, int4, correlatedInputs(columns, 30, 8), columns);
    expect(Math.abs(result.error / error - 1)).toBeLessThan(1e-12);
  });

  it('names the first weight that is not finite in f32', async () => {
    const hessian = await prepared(Float64Array.of(1, 0, 0, 1), 2);
    for (const value of [NaN, Infinity, -1e39]) {
      const weight = new Float64Array(600).fill(1);
      weight[577] = value;
      await expect(gptq(weight, 300, hessian, int4, algebra)).rejects.toThrow(new NonFiniteWeightError(288, 1, value));
    }
  });

  it('refuses a length that does not fit, and stops when it is told to', async () => {
    const hessian = await prepared(Float64Array.of(1, 0, 0, 1), 2);
    await expect(gptq(new Float64Array(3), 1, hessian, int4, algebra)).rejects.toThrow(
      'weight holds 3 elements, not 2',
    );
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(gptq(new Float64Array(2), 1, hessian, int4, algebra, { signal })).rejects.toThrow('stopped');
  });
});

describe.skipIf(!nativeLibraryForTests())('gptq with the linear algebra of the library', () => {
  it.each([1, 3])('gives the same bits with %d threads', async (threads) => {
    const [rows, columns] = [20, 300];
    const inputs = correlatedInputs(columns, 200, 12, [9]);
    const values = gram(inputs, columns);
    const cross = gram(correlatedInputs(columns, 20, 13), columns);
    const backend = openNativeBackend(needNativeLibrary(), { threads });
    const results: GptqResult[] = [];
    for (const used of [algebra, backend.linearAlgebra]) {
      const weight = sampleWeights(rows, columns, 14);
      const hessian = await prepareHessian({ columns, values }, { damping: 0.01, activationOrder: true }, used);
      if (!hessian) throw new Error('no factor');
      await compensate(weight, rows, hessian, { cross }, 0.1, used);
      results.push(await gptq(weight, rows, hessian, int4, used, { refine: 1, clipWeights: 'diagonal' }));
    }
    backend.close();
    expect(results[1]).toEqual(results[0]);
  });
});
