import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LossAccumulator, perplexityOf } from './accumulator.ts';

function accumulate(windows: readonly number[][]): LossAccumulator {
  const accumulator = new LossAccumulator();
  for (const losses of windows) accumulator.add(losses, 1, losses.length);
  return accumulator;
}

const measure = (windows: readonly number[][]) => perplexityOf(accumulate(windows).result());
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]) => sum(values) / values.length;
const loss = fc.double({ min: 0, max: 20, noNaN: true });

describe('LossAccumulator', () => {
  it('gives a perplexity of the size of the vocabulary for a model that knows nothing', () => {
    const { perplexity, standardError } = measure([Array<number>(2047).fill(Math.log(1000))]);
    expect(perplexity).toBeCloseTo(1000, 9);
    expect(standardError).toBeCloseTo(0, 9);
  });

  it('has the standard error of the delta method', () => {
    // Mean 2; squared deviations 5, over n - 1 = 3.
    const { perplexity, standardError } = measure([
      [0.5, 1.5],
      [2.5, 3.5],
    ]);
    expect(perplexity).toBeCloseTo(Math.exp(2), 12);
    expect(standardError).toBeCloseTo((Math.exp(2) * Math.sqrt(5 / 3)) / 2, 12);
  });

  it('equals exp of the mean of window means, and the plain formulas, for equal windows', () => {
    const windows = fc
      .integer({ min: 2, max: 8 })
      .chain((length) => fc.array(fc.array(loss, { minLength: length, maxLength: length }), { minLength: 1 }));
    fc.assert(
      fc.property(windows, (given) => {
        const all = given.flat();
        const deviations = all.map((value) => (value - mean(all)) ** 2);
        const deviation = Math.sqrt(sum(deviations) / (all.length - 1));
        const { perplexity, standardError } = measure(given);
        expect(perplexity / Math.exp(mean(given.map(mean)))).toBeCloseTo(1, 10);
        const expected = (Math.exp(mean(all)) * deviation) / Math.sqrt(all.length);
        expect(Math.abs(standardError - expected)).toBeLessThanOrEqual(1e-9 * Math.exp(mean(all)));
      }),
    );
  });

  it('weighs the losses of windows, and divides their sum by the units', () => {
    const window = fc.record({
      losses: fc.array(loss, { minLength: 1, maxLength: 9 }),
      weight: fc.double({ min: 0.1, max: 1, noNaN: true }),
      units: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(window, { minLength: 2, maxLength: 9 }), (given) => {
        const accumulator = new LossAccumulator();
        for (const { losses, weight, units } of given) accumulator.add(losses, weight, units);
        const result = accumulator.result();

        const units = sum(given.map((each) => each.units));
        const all = given.flatMap(({ losses, weight }) => losses.map((value) => ({ value, weight })));
        const weights = sum(all.map(({ weight }) => weight));
        const total = sum(all.map(({ value, weight }) => weight * value));
        expect(result.mean).toBeCloseTo(total / units, 9);
        const variance =
          (sum(all.map(({ value, weight }) => weight * (value - total / weights) ** 2)) / weights) *
          (all.length / (all.length - 1));
        const squaredWeights = sum(all.map(({ weight }) => weight * weight));
        expect(result.standardError).toBeCloseTo(Math.sqrt(squaredWeights * variance) / units, 9);
        expect(result.targets).toBe(all.length);
      }),
    );
  });

  it('leaves losses without weight out', () => {
    const accumulator = accumulate([[1, 2]]);
    accumulator.add([1000], 0, 0);
    expect(accumulator.result()).toEqual(accumulate([[1, 2]]).result());
  });

  it('keeps the digits of small deviations beside a large mean', () => {
    const { perplexity, standardError } = measure([[10, 10 + 1e-9, 10 - 1e-9]]);
    expect(standardError / perplexity / (1e-9 / Math.sqrt(3))).toBeCloseTo(1, 5);
  });

  it('says NaN where there is nothing to say, and hides no NaN', () => {
    expect(accumulate([]).result()).toEqual({ mean: NaN, standardError: NaN, targets: 0 });
    expect(accumulate([[1]]).result()).toEqual({ mean: 1, standardError: NaN, targets: 1 });
    expect(accumulate([[1, NaN], [1]]).result().mean).toBeNaN();
  });
});
