import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { referenceLinearAlgebra as algebra } from '../../kernels/reference/linear-algebra.ts';
import { Random } from '../../kernels/verify/random.ts';
import { compensate } from './compensation.ts';
import { correlatedInputs, gram, outerProducts, prepared, sampleWeights, type Inputs } from './hessian.test.samples.ts';

/** What quantization made of inputs: some noise, and some of each input lost. */
function disturbed(inputs: Inputs, seed: number): Inputs {
  const random = new Random(seed);
  return inputs.map((x) => x.map((value) => 0.97 * value + 0.02 * (random.uniform() - 0.5)));
}

const difference = (xs: Inputs, ys: Inputs): Inputs => xs.map((x, t) => x.map((value, k) => value - ys[t][k]));

/** Σ of row · input over the columns, for every row and token. */
const product = (weight: Float64Array, inputs: Inputs, columns: number): number[] =>
  Array.from({ length: weight.length / columns }, (_, n) =>
    inputs.map((x) => x.reduce((sum, value, k) => sum + value * weight[n * columns + k], 0)),
  ).flat();

/** Σ of difference of the streams · input, for every row and column. */
const streamErrors = (stream: readonly Float64Array[], inputs: Inputs, columns: number): Float64Array =>
  Float64Array.from({ length: stream[0].length * columns }, (_, i) =>
    inputs.reduce((sum, x, t) => sum + stream[t][Math.floor(i / columns)] * x[i % columns], 0),
  );

const distance = (a: number[], b: number[]): number => a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);

describe('compensate', () => {
  it.each([
    [1, false, false],
    [40, true, false],
    [40, true, true],
    [300, true, true],
  ])(
    'minimises ‖R + W · X - R̂ - W″ · X̂‖² over %d columns with full strength and no damping (order %j, stream %j)',
    async (columns, activationOrder, hasStream) => {
      const rows = 2;
      const inputs = correlatedInputs(columns, columns + 40, 1);
      const quantized = disturbed(inputs, 2);
      const weight = sampleWeights(rows, columns, 3);
      const hessian = await prepared(gram(quantized, columns), columns, { damping: 0, activationOrder });
      const cross = outerProducts(difference(inputs, quantized), quantized, columns);
      const compensated = weight.slice();
      const stream = inputs.map((_, t) => Float32Array.of(Math.sin(t), hasStream ? Math.cos(3 * t) : 0));
      if (!hasStream) for (const each of stream) each.fill(0);
      const lost = product(weight, difference(inputs, quantized), columns);
      const after = stream.map((r, t) => Float64Array.from(r, (value, n) => value + lost[n * inputs.length + t]));
      const errors = hasStream ? { residual: streamErrors(after, quantized, columns) } : { cross };
      await compensate(compensated, rows, hessian, errors, 1, algebra);

      // The normal equations: what is left of the outputs is orthogonal to every input.
      const tokens = inputs.length;
      const wanted = product(weight, inputs, columns).map(
        (value, i) => value + stream[i % tokens][Math.floor(i / tokens)],
      );
      const given = product(compensated, quantized, columns);
      for (let n = 0; n < rows; n++) {
        for (let k = 0; k < columns; k++) {
          const left = quantized.reduce(
            (sum, x, t) => sum + (wanted[n * tokens + t] - given[n * tokens + t]) * x[k],
            0,
          );
          const size = quantized.reduce((sum, x, t) => sum + Math.abs(wanted[n * tokens + t] * x[k]), 0);
          expect(Math.abs(left)).toBeLessThan(1e-9 * size);
        }
      }
    },
  );

  it('lowers the error of the outputs at any strength, also with damping and dead columns', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 40 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(),
        fc.constantFrom(0.25, 0.5, 1),
        fc.boolean(),
        async (columns, tokens, seed, strength, activationOrder) => {
          const inputs = correlatedInputs(columns, tokens, seed, [seed % columns]);
          const quantized = disturbed(inputs, seed + 1).map((x) => x.with(seed % columns, 0));
          const weight = sampleWeights(2, columns, seed + 2);
          const hessian = await prepared(gram(quantized, columns), columns, { damping: 0.01, activationOrder });
          const compensated = weight.slice();
          const cross = outerProducts(difference(inputs, quantized), quantized, columns);
          await compensate(compensated, 2, hessian, { cross }, strength, algebra);
          const wanted = product(weight, inputs, columns);
          const before = distance(wanted, product(weight, quantized, columns));
          const after = distance(wanted, product(compensated, quantized, columns));
          expect(after).toBeLessThanOrEqual(before * (1 + 1e-9));
          expect(compensated[seed % columns]).toBe(weight[seed % columns]);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('changes nothing where inputs are what they were, or without strength', async () => {
    const columns = 30;
    const inputs = correlatedInputs(columns, 50, 4);
    const hessian = await prepared(gram(inputs, columns), columns);
    const weight = sampleWeights(3, columns, 5);
    const compensated = weight.slice();
    await compensate(compensated, 3, hessian, { cross: new Float64Array(columns * columns) }, 1, algebra);
    await compensate(compensated, 3, hessian, { cross: gram(inputs, columns) }, 0, algebra);
    expect(compensated).toEqual(weight);
  });

  it('treats rows by themselves', async () => {
    const [rows, columns] = [300, 4];
    const inputs = correlatedInputs(columns, 10, 6);
    const hessian = await prepared(gram(inputs, columns), columns);
    const cross = gram(correlatedInputs(columns, 10, 7), columns);
    const weight = sampleWeights(rows, columns, 8);
    const whole = weight.slice();
    await compensate(whole, rows, hessian, { cross }, 0.5, algebra);
    for (const n of [0, 255, 256, 299]) {
      const row = weight.slice(n * columns, (n + 1) * columns);
      await compensate(row, 1, hessian, { cross }, 0.5, algebra);
      expect(row).toEqual(whole.slice(n * columns, (n + 1) * columns));
    }
  });

  it('refuses lengths that do not fit, and stops when it is told to', async () => {
    const hessian = await prepared(Float64Array.of(1, 0, 0, 1), 2);
    const attempt = (weight: number, cross: number, signal?: AbortSignal): Promise<void> =>
      compensate(new Float64Array(weight), 1, hessian, { cross: new Float64Array(cross) }, 1, algebra, signal);
    await expect(attempt(3, 4)).rejects.toThrow('weight holds 3 elements, not 2');
    await expect(attempt(2, 3)).rejects.toThrow('cross holds 3 elements, not 4');
    const residual = new Float64Array(3);
    const short = compensate(new Float64Array(2), 1, hessian, { residual }, 1, algebra);
    await expect(short).rejects.toThrow('residual holds 3 elements, not 2');
    await expect(attempt(2, 4, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
  });
});
