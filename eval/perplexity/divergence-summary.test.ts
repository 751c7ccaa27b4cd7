import { describe, expect, it } from 'vitest';
import { summarizeDivergence } from './divergence-summary.ts';

describe('summarizeDivergence', () => {
  it('has mean, quantiles and agreement over all windows', () => {
    const windows = [
      { divergences: Float32Array.of(4, 1), sameTop: 1 },
      { divergences: Float32Array.of(2, 3, 0), sameTop: 3 },
    ];
    const summary = summarizeDivergence(windows);
    expect(summary).toMatchObject({ mean: 2, median: 2, max: 4, topAgreement: 0.8 });
    // Squared deviations 10 over n - 1 = 4, of the mean of 5.
    expect(summary.standardError).toBeCloseTo(Math.sqrt(10 / 4 / 5), 12);
    // Between the fourth and the fifth: 3 + (0.99 · 4 - 3) · (4 - 3).
    expect(summary.percentile99).toBeCloseTo(3.96, 12);
    expect(summary.topAgreementStandardError).toBeCloseTo(Math.sqrt((0.8 * 0.2) / 4), 12);
  });

  it('interpolates between order statistics', () => {
    expect(summarizeDivergence([{ divergences: Float32Array.of(1, 2), sameTop: 0 }]).median).toBe(1.5);
  });

  it('hides no NaN', () => {
    const { mean } = summarizeDivergence([{ divergences: Float32Array.of(1, NaN, 2), sameTop: 0 }]);
    expect(mean).toBeNaN();
  });
});
