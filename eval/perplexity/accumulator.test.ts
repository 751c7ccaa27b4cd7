import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PerplexityAccumulator } from './accumulator.ts';

function measure(windows: readonly number[][]) {
  const accumulator = new PerplexityAccumulator();
  for (const losses of windows) accumulator.add(Float64Array.from(losses));
  return accumulator.result();
}

describe('PerplexityAccumulator', () => {
  it('is the size of the vocabulary for a model that knows nothing', () => {
    const { perplexity, standardError, targets } = measure([Array<number>(2047).fill(Math.log(1000))]);
    expect(perplexity).toBeCloseTo(1000, 9);
    expect(standardError).toBeCloseTo(0, 9);
    expect(targets).toBe(2047);
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
    const loss = fc.double({ min: 0, max: 20, noNaN: true });
    const windows = fc
      .integer({ min: 2, max: 8 })
      .chain((length) => fc.array(fc.array(loss, { minLength: length, maxLength: length }), { minLength: 1 }));
    fc.assert(
      fc.property(windows, (given) => {
        const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
        const all = given.flat();
        const deviations = all.map((value) => (value - mean(all)) ** 2);
        const deviation = Math.sqrt((mean(deviations) * all.length) / (all.length - 1));
        const { perplexity, standardError } = measure(given);
        expect(perplexity / Math.exp(mean(given.map(mean)))).toBeCloseTo(1, 10);
        const expected = (Math.exp(mean(all)) * deviation) / Math.sqrt(all.length);
        expect(Math.abs(standardError - expected)).toBeLessThanOrEqual(1e-9 * Math.exp(mean(all)));
      }),
    );
  });

  it('keeps the digits of small deviations beside a large mean', () => {
    const { perplexity, standardError } = measure([[10, 10 + 1e-9, 10 - 1e-9]]);
    expect(standardError / perplexity / (1e-9 / Math.sqrt(3))).toBeCloseTo(1, 5);
  });

  it('says NaN where there is nothing to say, and hides no NaN', () => {
    expect(measure([])).toEqual({ perplexity: NaN, standardError: NaN, targets: 0 });
    expect(measure([[1]])).toEqual({ perplexity: Math.E, standardError: NaN, targets: 1 });
    expect(measure([[1, NaN], [1]]).perplexity).toBeNaN();
  });
});
