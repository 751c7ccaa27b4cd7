import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rint } from '../../kernels/reference/rounding.ts';
import { clipMultipliers } from '../schemes/clip.ts';
import { floatRows, schemes, sources } from '../schemes/float-rows.test.samples.ts';
import { valueAt } from '../schemes/float-rows.ts';
import { emptyRows, roundRows, type QuantizedRows } from './quantized-rows.ts';
import { leastWeightedErrorScales } from './weighted-scales.ts';

const int4 = { bits: 4, groupSize: 0, clip: { kind: 'mse' } } as const;

function scalesOf(values: number[], importance: number[]): Float32Array {
  const target = emptyRows(1, values.length, int4);
  leastWeightedErrorScales(Float32Array.from(values), Float64Array.from(importance), target);
  return target.scales;
}

function weightedError(values: number[], importance: number[], scale: number, { range }: QuantizedRows): number {
  return values.reduce((sum, value, k) => {
    const code = Math.min(Math.max(rint(Math.fround(value / scale)), range.lowest), range.highest);
    return sum + importance[k] * (value - scale * code) ** 2;
  }, 0);
}

describe('leastWeightedErrorScales', () => {
  it('chooses as --clip mse where every column is as important', () => {
    fc.assert(
      fc.property(sources, schemes, fc.constantFrom(1, 0.25), (source, { bits, groupSize }, importance) => {
        const { rows, columns } = source;
        const values = Float32Array.from({ length: rows * columns }, (_, i) => valueAt(source, i));
        const scheme = { bits, groupSize, clip: { kind: 'mse' } } as const;
        const target = emptyRows(rows, columns, scheme);
        leastWeightedErrorScales(values, new Float64Array(columns).fill(importance), target);
        expect(target.scales).toEqual(roundRows(values, rows, columns, scheme).scales);
      }),
      { numRuns: 200 },
    );
  });

  it('has the least weighted error of all multipliers', () => {
    const element = fc.double({ min: -3, max: 3, noNaN: true }).map(Math.fround);
    const columns = fc.array(fc.tuple(element, fc.double({ min: 0, max: 9, noNaN: true })), { minLength: 1 });
    fc.assert(
      fc.property(columns, (pairs) => {
        const values = pairs.map(([value]) => value);
        const importance = pairs.map(([, weight]) => weight);
        const absmax = Math.max(...values.map(Math.abs));
        fc.pre(absmax > 1e-30);
        const target = emptyRows(1, values.length, int4);
        const candidates = clipMultipliers.map((multiplier) => Math.fround(Math.fround(absmax * multiplier) / 7.5));
        const errors = candidates.map((scale) => weightedError(values, importance, scale, target));
        expect(scalesOf(values, importance)[0]).toBe(candidates[errors.indexOf(Math.min(...errors))]);
      }),
    );
  });

  it('clips what is not important, and nothing where nothing is', () => {
    const values = [8, 1, 0.9, -0.8, 0.7, 0.55, -0.3];
    const important = scalesOf(values, [1e9, 1, 1, 1, 1, 1, 1])[0];
    const unimportant = scalesOf(values, [0, 1, 1, 1, 1, 1, 1])[0];
    expect(unimportant).toBeLessThan(important / 4);
    expect(scalesOf(values, [0, 0, 0, 0, 0, 0, 0])[0]).toBe(Math.fround(8 / 7.5));
  });

  it('has no scale for zeros', () => {
    expect([...scalesOf([0, 0], [1, 1])]).toEqual([0]);
  });

  it('reads each row and group by itself', () => {
    const values = floatRows(
      'F32',
      Array.from({ length: 80 }, (_, i) => 2 ** Math.floor(i / 20)),
      40,
    );
    const target = emptyRows(2, 40, { ...int4, groupSize: 32 });
    leastWeightedErrorScales(values.data as Float32Array, new Float64Array(40).fill(1), target);
    expect(target.scales.length).toBe(4);
    expect(target.scales[1]).toBeLessThan(target.scales[3]);
  });
});
