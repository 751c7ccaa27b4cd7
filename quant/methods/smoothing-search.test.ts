import { describe, expect, it } from 'vitest';
import { alphas, chooseAlpha, type AlphaRequest } from './smoothing-search.ts';
import { smoothingFactors } from './smoothing.ts';

const absmax = { activationAbsmax: Float32Array.of(8, 2, 0), weightAbsmax: Float32Array.of(0.5, 2, 1) };
const ones = Float32Array.of(1, 1, 1);

/** A search whose candidates have these errors, by alpha. */
const search = (errorOf: (alpha: number) => number, grid?: readonly number[]): AlphaRequest => ({
  ...absmax,
  ...(grid && { grid }),
  outputError: (factors) => {
    const candidates = [...alphas, 0.85];
    const found = candidates.find((alpha) =>
      alpha === 0
        ? factors.every((factor) => factor === 1)
        : String(factors) === String(smoothingFactors(absmax.activationAbsmax, absmax.weightAbsmax, alpha)),
    );
    return Promise.resolve(errorOf(found ?? NaN));
  },
});

describe('chooseAlpha', () => {
  it('finds the least error on its grid', async () => {
    const choice = await chooseAlpha(search((alpha) => (alpha - 0.62) ** 2));
    expect(choice.alpha).toBe(0.6);
    expect(choice.factors).toEqual(smoothingFactors(absmax.activationAbsmax, absmax.weightAbsmax, 0.6));
    expect(choice.factors[2]).toBe(1);
    expect(choice.errors.map(({ alpha }) => alpha)).toEqual([0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
    expect(choice.errors[2].error).toBeCloseTo(0.32 ** 2);
  });

  it('prefers the smaller alpha of equal errors, and no smoothing to both', async () => {
    expect((await chooseAlpha(search((alpha) => Math.abs(alpha - 0.5) * (alpha === 0 ? 9 : 1)))).alpha).toBe(0.5);
    expect((await chooseAlpha(search((alpha) => (alpha < 0.35 ? 2 : 1)))).alpha).toBe(0.4);
    expect(await chooseAlpha(search(() => 1))).toMatchObject({ alpha: 0, factors: ones });
  });

  it('tries no smoothing whatever the grid is', async () => {
    expect(await chooseAlpha(search((alpha) => alpha, [0.5, 0.85]))).toMatchObject({ alpha: 0, factors: ones });
    expect((await chooseAlpha(search((alpha) => -alpha, [0.5, 0.85]))).alpha).toBe(0.85);
  });

  it('prefers any error to none', async () => {
    expect((await chooseAlpha(search((alpha) => (alpha === 0.7 ? 1e30 : NaN)))).alpha).toBe(0.7);
    expect(await chooseAlpha(search(() => NaN))).toMatchObject({ alpha: 0, factors: ones });
  });
});
