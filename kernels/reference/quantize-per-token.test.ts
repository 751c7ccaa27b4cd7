import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantizePerToken } from './quantize-per-token.ts';

const LARGEST_F32 = 3.4028234663852886e38;

/** Half-way values go to the even neighbour: written with floor, unlike what is tested. */
function nearestEven(value: number): number {
  const below = Math.floor(value);
  const fraction = value - below;
  if (fraction !== 0.5) return fraction < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** docs/numerics.md section 1 for one row. */
function model(row: number[]): { codes: number[]; scale: number } {
  const zeros = row.map(() => 0);
  if (!row.every(Number.isFinite)) return { codes: zeros, scale: NaN };
  const absmax = Math.max(0, ...row.map(Math.abs));
  const scale = Math.fround(absmax / 127);
  const inverse = Math.fround(127 / absmax);
  if (scale < 2 ** -126 || inverse < 2 ** -126 || inverse > LARGEST_F32) return { codes: zeros, scale: 1 };
  const codes = row.map((x) => Math.min(127, Math.max(-127, nearestEven(Math.fround(x * inverse)))) + 0);
  return { codes, scale };
}

function quantizeRow(row: number[]): { codes: number[]; scale: number } {
  const { codes, scales } = quantizePerToken(Float32Array.from(row), 1, row.length);
  return { codes: [...codes], scale: scales[0] };
}

describe('quantizePerToken', () => {
  it('agrees with the model on rows of any f32, NaN and infinities included', () => {
    const value = fc.oneof(
      { weight: 20, arbitrary: fc.float({ min: -8, max: 8, noNaN: true }) },
      { weight: 5, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }) },
      { weight: 2, arbitrary: fc.constantFrom(0, -0, 2 ** -149, -(2 ** -126), LARGEST_F32, -LARGEST_F32) },
      { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) },
    );
    fc.assert(
      fc.property(fc.array(fc.array(value, { minLength: 5, maxLength: 5 }), { maxLength: 9 }), (rows) => {
        const { codes, scales } = quantizePerToken(Float32Array.from(rows.flat()), rows.length, 5);
        rows.forEach((row, m) => {
          const wanted = model(row);
          expect([...codes.subarray(m * 5, m * 5 + 5)]).toEqual(wanted.codes);
          expect(scales[m]).toBe(wanted.scale);
        });
      }),
      { numRuns: 1000 },
    );
  });

  it('takes exact ties to even', () => {
    // An absmax of 127 makes the inverse 1.
    expect(quantizeRow([127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 125.5, 126.5])).toEqual({
      codes: [127, 0, 2, 2, 0, -2, -2, 126, 126],
      scale: 1,
    });
    expect(quantizeRow([-127 / 4, 0.125, 0.375])).toEqual({ codes: [-127, 0, 2], scale: 0.25 });
  });

  it('multiplies by the rounded inverse, where a division by the scale would give 12', () => {
    expect(quantizeRow([3, 0.27165353298187256]).codes).toEqual([127, 11]);
  });

  it('gives a row of zeros scale 1', () => {
    expect(quantizeRow([0, -0, 0])).toEqual({ codes: [0, 0, 0], scale: 1 });
    expect(quantizeRow([])).toEqual({ codes: [], scale: 1 });
  });

  it('scales down to the smallest normal scale, and no further', () => {
    const smallest = 127 * 2 ** -126;
    expect(quantizeRow([smallest, -smallest / 127])).toEqual({ codes: [127, -1], scale: 2 ** -126 });
    expect(quantizeRow([126 * 2 ** -126, -(2 ** -126)])).toEqual({ codes: [0, 0], scale: 1 });
    expect(quantizeRow([2 ** -149])).toEqual({ codes: [0], scale: 1 });
  });

  it('quantizes the largest f32 values', () => {
    expect(quantizeRow([LARGEST_F32, -LARGEST_F32])).toEqual({
      codes: [127, -127],
      scale: Math.fround(LARGEST_F32 / 127),
    });
  });

  it.each([NaN, Infinity, -Infinity])('spoils the row that holds %d and no other', (value) => {
    const { codes, scales } = quantizePerToken(Float32Array.of(1, 2, 3, value, -2, 1), 3, 2);
    expect([...codes]).toEqual([64, 127, 0, 0, -127, 64]);
    expect([...scales]).toEqual([Math.fround(2 / 127), NaN, Math.fround(2 / 127)]);
  });

  it('refuses a shape that is not that of the values', () => {
    expect(() => quantizePerToken(new Float32Array(5), 2, 3)).toThrow(RangeError);
  });
});
