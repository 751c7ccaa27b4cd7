import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clipMultipliers, interpolate } from './clip.ts';
import { floatRows, run, sources } from './float-rows.test.samples.ts';
import { valueAt } from './float-rows.ts';
import { quantizeRows } from './quantize-rows.ts';
import type { WeightScheme } from './scheme.ts';

const scheme = (bits: 8 | 4, clip: WeightScheme['clip']): WeightScheme => ({ bits, groupSize: 0, clip });

/** The scale of one row of f32 weights times what absmax is divided by. */
function int8Scale(values: ArrayLike<number>, clip: WeightScheme['clip']): number {
  return run(quantizeRows, floatRows('F32', values, values.length), scheme(8, clip)).scales[0];
}

describe('--clip percentile', () => {
  // numpy.percentile(numpy.abs(w), p) of w = (k · 37 mod 101 - 50) / 8, k = 0 … 100, in float64.
  const weights = Array.from({ length: 101 }, (_, k) => (((k * 37) % 101) - 50) / 8);
  it.each([
    [100, 6.25],
    [99.9, 6.25],
    [98.5, 6.1875],
    [97, 6.125],
    [62.3, 3.9125],
    [50, 3.125],
    [0.1, 0.0125],
  ])('takes the scale of percentile %d from %d', (percentile, absmax) => {
    expect(int8Scale(weights, { kind: 'percentile', percentile })).toBe(Math.fround(Math.fround(absmax) / 127));
  });

  it('interpolates from the nearer end, to the last bit as numpy does', () => {
    expect([interpolate(0.3, 1.7, 0.75), interpolate(0.1, 0.7, 0.7)]).toEqual([1.35, 0.5199999999999999]);
    expect([interpolate(0.1, 0.7, 0), interpolate(1, 2, 0.25)]).toEqual([0.1, 1.25]);
  });

  it('interpolates between the two largest of a short group', () => {
    expect(int8Scale([-1, 2], { kind: 'percentile', percentile: 75 })).toBe(Math.fround(1.75 / 127));
  });

  it('clamps what lies beyond', () => {
    const { codes } = run(
      quantizeRows,
      floatRows('F32', [127, -127, 1000, -1000, 64], 5),
      scheme(8, { kind: 'percentile', percentile: 50 }),
    );
    expect([...codes]).toEqual([127, -127, 127, -127, 64]);
  });

  it('clamps quotients beyond f32 and beyond 32-bit integers', () => {
    const values = [...Array.from({ length: 9 }, () => 2 ** -100), 1, -3e38];
    const { codes } = run(
      quantizeRows,
      floatRows('F32', values, 11),
      scheme(4, { kind: 'percentile', percentile: 50 }),
    );
    expect([...codes]).toEqual([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, -8]);
  });

  it('gives scale 1 and codes 0 where the percentile is 0', () => {
    const values = [0, 0, 0, 0, 5];
    const quantized = run(quantizeRows, floatRows('F32', values, 5), scheme(8, { kind: 'percentile', percentile: 50 }));
    expect(quantized).toEqual({ codes: new Int8Array(5), scales: Float32Array.of(1) });
  });
});

describe('--clip mse', () => {
  it('tries multipliers from 1 to 1/8, in descending order', () => {
    expect([clipMultipliers[0], clipMultipliers.at(-1)]).toEqual([1, 1 / 8]);
    expect(clipMultipliers).toEqual([...clipMultipliers].sort((a, b) => b - a));
    expect(new Set(clipMultipliers).size).toBe(clipMultipliers.length);
  });

  it('never has a larger squared error than min-max', () => {
    const squaredError = (source: Parameters<typeof valueAt>[0], clip: WeightScheme['clip'], bits: 8 | 4): number[] => {
      const { codes, scales } = run(quantizeRows, source, scheme(bits, clip));
      const errors = Array.from(scales, () => 0);
      codes.forEach((code, i) => {
        const row = Math.floor(i / source.columns);
        errors[row] += (valueAt(source, i) - code * scales[row]) ** 2;
      });
      return errors;
    };
    fc.assert(
      fc.property(sources, fc.constantFrom<8 | 4>(8, 4), (source, bits) => {
        const minmax = squaredError(source, { kind: 'minmax' }, bits);
        squaredError(source, { kind: 'mse' }, bits).forEach((error, row) => {
          expect(error).toBeLessThanOrEqual(minmax[row]);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('gives up a lone outlier for the sake of many', () => {
    const values = Array.from({ length: 2000 }, (_, k) => (k === 7 ? 10 : Math.sin(k)));
    const { scales } = run(quantizeRows, floatRows('BF16', values, 2000), scheme(4, { kind: 'mse' }));
    expect(scales[0]).toBeLessThan((10 / 7.5) * 0.5);
  });

  it('keeps the larger of two multipliers with the same error', () => {
    // The squared error is 53/256 at 60/64 as at 58/64, and more at every other multiplier.
    const { scales } = run(quantizeRows, floatRows('F32', [-7.5, 3.25, -5.5], 3), scheme(4, { kind: 'mse' }));
    expect(scales[0]).toBe(60 / 64);
  });
});
