import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dequantizeRows } from './dequantize-rows.ts';
import { floatRows, minmax, run, sources } from './float-rows.test.samples.ts';
import { valueAt } from './float-rows.ts';
import { quantizeRowsReference } from './reference.ts';
import { groupSizes, type WeightScheme } from './scheme.ts';

/** Codes and scale of one row of f32 weights. */
function quantizeRow(values: number[], scheme: WeightScheme): { codes: number[]; scale: number } {
  const { codes, scales } = run(quantizeRowsReference, floatRows('F32', values, values.length), scheme);
  return { codes: [...codes], scale: scales[0] };
}

/** Half-way values go to the even neighbour: written with floor, unlike what is tested. */
function nearestEven(value: number): number {
  const below = Math.floor(value);
  const fraction = value - below;
  if (fraction !== 0.5) return fraction < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

describe('quantizeRowsReference', () => {
  it('takes exact ties of int8 to even', () => {
    expect(quantizeRow([127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5], minmax(8))).toEqual({
      codes: [127, 0, 2, 2, 0, -2, -2, 126],
      scale: 1,
    });
    expect(quantizeRow([-31.75, 0.125, 0.375], minmax(8))).toEqual({ codes: [-127, 0, 2], scale: 0.25 });
  });

  it('uses -8 of int4 and clamps +7.5 to 7, ties to even between', () => {
    expect(quantizeRow([7.5, -7.5, 0.5, 1.5, -2.5, 6.5, -6.5], minmax(4))).toEqual({
      codes: [7, -8, 0, 2, -2, 6, -6],
      scale: 1,
    });
  });

  it('divides in f32: the quotient is rounded before it is rounded to a whole number', () => {
    // 3.5 - 2^-24 of the exact quotient becomes 3.5 in f32 and so 4.
    const absmax = 3;
    const scale = Math.fround(absmax / 127);
    const weight = 0.08267716318368912;
    expect(weight / scale).toBeLessThan(3.5);
    expect(quantizeRow([absmax, weight], minmax(8)).codes).toEqual([127, 4]);
  });

  it('gives scale 1 and codes 0 to zeros and to rows whose scale would not be normal', () => {
    expect(quantizeRow([0, -0, 0], minmax(8))).toEqual({ codes: [0, 0, 0], scale: 1 });
    expect(quantizeRow([127 * 2 ** -126, 2 ** -126], minmax(8))).toEqual({ codes: [127, 1], scale: 2 ** -126 });
    expect(quantizeRow([126 * 2 ** -126, 2 ** -126], minmax(8))).toEqual({ codes: [0, 0], scale: 1 });
    expect(quantizeRow([7.5 * 2 ** -126], minmax(4))).toEqual({ codes: [7], scale: 2 ** -126 });
    expect(quantizeRow([-7 * 2 ** -126], minmax(4))).toEqual({ codes: [0], scale: 1 });
  });

  it('quantizes the largest f32 values', () => {
    const largest = 3.4028234663852886e38;
    expect(quantizeRow([largest, -largest, largest / 4], minmax(8)).codes).toEqual([127, -127, 32]);
  });

  it.each([8, 4] as const)('agrees with a float64 model of int%i min-max', (bits) => {
    const [divisor, lowest, highest] = bits === 8 ? [127, -127, 127] : [7.5, -8, 7];
    fc.assert(
      fc.property(sources, fc.constantFrom(...groupSizes), (source, groupSize) => {
        const { rows, columns } = source;
        const size = groupSize === 0 ? columns : groupSize;
        const codes: number[] = [];
        const scales: number[] = [];
        for (let n = 0; n < rows; n++) {
          for (let from = 0; from < columns; from += size) {
            const length = Math.min(size, columns - from);
            const weights = Array.from({ length }, (_, i) => valueAt(source, n * columns + from + i));
            const scale = Math.fround(Math.max(...weights.map(Math.abs)) / divisor);
            const tiny = scale < 2 ** -126;
            scales.push(tiny ? 1 : scale);
            for (const weight of weights) {
              const nearest = nearestEven(Math.fround(weight / scale));
              codes.push(tiny ? 0 : Math.min(highest, Math.max(lowest, nearest)));
            }
          }
        }
        expect(run(quantizeRowsReference, source, minmax(bits, groupSize))).toEqual({
          codes: Int8Array.from(codes),
          scales: Float32Array.from(scales),
        });
      }),
      { numRuns: 300 },
    );
  });

  it('stays within half a step of the weights', () => {
    fc.assert(
      fc.property(sources, fc.constantFrom<8 | 4>(8, 4), (source, bits) => {
        const { rows, columns } = source;
        const { codes, scales } = run(quantizeRowsReference, source, minmax(bits));
        const target = new Float32Array(rows * columns);
        dequantizeRows(codes, scales, rows, columns, 0, target);
        // Quotient, scale and product are rounded to f32: each is off by up to 2^-24 of 128 steps.
        const tolerance = 0.5 + 3 * 128 * 2 ** -24;
        const wrong = target.findIndex((value, i) => {
          return !(Math.abs(value - valueAt(source, i)) <= scales[Math.floor(i / columns)] * tolerance);
        });
        expect(wrong).toBe(-1);
      }),
      { numRuns: 300 },
    );
  });
});
