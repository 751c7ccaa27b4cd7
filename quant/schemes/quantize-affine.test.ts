import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dtypes, floatRows, sources } from './float-rows.test.samples.ts';
import { valueAt } from './float-rows.ts';
import { quantizeAffine } from './quantize-affine.ts';
import { groupsPerRow, NonFiniteWeightError } from './scheme.ts';

interface Golden {
  weightsTimes64: number[][];
  results: { bits: 8 | 4; codes: string[]; scales: number[]; biases: number[] }[];
}

const golden = JSON.parse(
  readFileSync(new URL('../../../quant/schemes/quantize-affine.golden.json', import.meta.url), 'utf8'),
) as Golden;

const bitWidths = fc.constantFrom<8 | 4>(8, 4);

describe('quantizeAffine', () => {
  it.each(golden.results)('gives the codes, scales and biases of MLX, $bits bits', ({ bits, ...wanted }) => {
    const weights = golden.weightsTimes64.flat().map((n) => n / 64);
    for (const dtype of ['F32', 'F16'] as const) {
      // A matrix of rows of 64 holds the groups of 32 in the same order.
      const { codes, scales, biases } = quantizeAffine(floatRows(dtype, weights, 64), bits, 32);
      expect(Buffer.from(codes).toString('hex')).toBe(wanted.codes.join(''));
      expect([...scales]).toEqual(wanted.scales);
      expect([...biases]).toEqual(wanted.biases);
    }
  });

  it('meets 0 and the end of larger magnitude, and all else within the adjusted step', () => {
    fc.assert(
      fc.property(sources, bitWidths, fc.constantFrom(0, 32, 64), (source, bits, groupSize) => {
        const { rows, columns } = source;
        const { codes, scales, biases } = quantizeAffine(source, bits, groupSize);
        const groups = groupsPerRow(columns, groupSize);
        expect([codes.length, scales.length, biases.length]).toEqual([rows * columns, rows * groups, rows * groups]);
        const wrong = codes.findIndex((code, i) => {
          const group = Math.floor(i / columns) * groups + (groupSize && Math.floor((i % columns) / groupSize));
          const restored = scales[group] * code + biases[group];
          // Adjusting the scale moves the far end by up to half a step, rounding to a code by another half.
          const tolerance = Math.abs(scales[group]) * 1.01 + Math.abs(biases[group]) * 2 ** -22;
          return code > 2 ** bits - 1 || !(Math.abs(restored - valueAt(source, i)) <= tolerance);
        });
        expect(wrong).toBe(-1);
      }),
      { numRuns: 500 },
    );
  });

  it('stays finite where the range of a group exceeds f32', () => {
    const largest = 3.4028234663852886e38;
    const { codes, scales, biases } = quantizeAffine(floatRows('F32', [largest, -largest, 0, largest / 2], 4), 8, 0);
    expect([...scales, ...biases].every(Number.isFinite)).toBe(true);
    codes.forEach((code, k) => {
      const error = Math.abs(scales[0] * code + biases[0] - [largest, -largest, 0, largest / 2][k]);
      expect(error).toBeLessThanOrEqual(Math.abs(scales[0]));
    });
  });

  it('restores a constant group of any size exactly', () => {
    for (const value of [0, 1, -37, 1e-30, 3e38]) {
      const { codes, scales, biases } = quantizeAffine(floatRows('F32', [value, value], 2), 4, 32);
      expect([...codes]).toEqual([0, 0]);
      expect(Math.abs(scales[0] * codes[0] + biases[0] - Math.fround(value))).toBeLessThanOrEqual(1e-7);
    }
  });

  it.each(dtypes)('names the first %s weight that is not finite', (dtype) => {
    const values = new Float32Array(2 * 40).fill(1);
    values[40 + 35] = -Infinity;
    values[40 + 39] = NaN;
    expect(() => quantizeAffine(floatRows(dtype, values, 40), 8, 32)).toThrow(
      new NonFiniteWeightError(1, 35, -Infinity),
    );
  });

  it('refuses data of another length than the shape', () => {
    expect(() => quantizeAffine({ ...floatRows('F32', [1, 2], 2), rows: 2 }, 8, 32)).toThrow(RangeError);
  });
});
