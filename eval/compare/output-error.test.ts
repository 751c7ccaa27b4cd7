import { describe, expect, it } from 'vitest';
import { OutputErrorAccumulator } from './output-error.ts';

const errorOf = (...windows: readonly (readonly [number[], number[]])[]) => {
  const accumulator = new OutputErrorAccumulator();
  for (const [x, y] of windows) accumulator.add(Float32Array.from(x), Float32Array.from(y), 2);
  return accumulator.result();
};

describe('OutputErrorAccumulator', () => {
  it('gives the median of the tokens, and the ratio of all', () => {
    // 20, 0 and 40 dB.
    const { median, total } = errorOf(
      [
        [10, 0, 3, 4],
        [11, 0, 3, 9],
      ],
      [
        [0, 100],
        [1, 100],
      ],
    );
    expect(median).toBeCloseTo(20, 12);
    expect(total).toBeCloseTo(10 * Math.log10((100 + 25 + 10_000) / (1 + 25 + 1)), 12);
  });

  it('takes the lower of two in the middle', () => {
    expect(
      errorOf([
        [10, 0, 3, 4],
        [11, 0, 3, 9],
      ]).median,
    ).toBeCloseTo(0, 12);
  });

  it('is infinite where nothing differs', () => {
    expect(
      errorOf([
        [1, 2],
        [1, 2],
      ]),
    ).toEqual({ median: Infinity, total: Infinity });
    expect(
      errorOf([
        [0, 0],
        [0, 1],
      ]),
    ).toEqual({ median: -Infinity, total: -Infinity });
  });

  it('leaves out tokens that are zero in both', () => {
    expect(
      errorOf([
        [0, 0, 10, 0],
        [0, 0, 11, 0],
      ]).median,
    ).toBeCloseTo(20, 12);
    expect(
      errorOf([
        [0, 0],
        [0, 0],
      ]),
    ).toEqual({ median: NaN, total: NaN });
  });

  it('is not a number where an output is not', () => {
    expect(
      errorOf([
        [1, 2],
        [NaN, 2],
      ]).median,
    ).toBeNaN();
  });
});
