import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareLogits } from './logit-difference.ts';

/** Of one row of three tokens, after which comes none. */
const compareRow = (ours: readonly number[], theirs: readonly number[], theirKind: 'logits' | 'logprobs' = 'logits') =>
  compareLogits({
    ours: Float32Array.from(ours),
    theirs: Float32Array.from(theirs),
    theirKind,
    columns: ours.length,
    tokenIds: Int32Array.of(0),
  });

const logits = fc.array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 6, maxLength: 6 });

describe('compareLogits', () => {
  it('gives the divergence of two coins', () => {
    const [p, q] = [0.25, 0.5];
    const { meanKl, maxKl, maxRelative, sameTop } = compareRow(
      [Math.log(p), Math.log(1 - p)],
      [Math.log(q), Math.log(1 - q)],
    );
    const expected = p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
    expect(meanKl).toBeCloseTo(expected, 6);
    expect(maxKl).toBe(meanKl);
    expect(maxRelative).toBeCloseTo(Math.log(2) / Math.log(4), 6);
    expect(sameTop).toBe(0);
  });

  it('takes rows one by one, and gives the perplexity of the tokens after the first', () => {
    const [likely, sure] = [Math.log(3), 20];
    const { sameTop, perplexity, maxKl, meanKl } = compareLogits({
      ours: Float32Array.of(likely, 0, 0, sure, 5, 5),
      theirs: Float32Array.of(likely, 0, 0, sure, 5, 6),
      theirKind: 'logits',
      columns: 2,
      tokenIds: Int32Array.of(1, 0, 1),
    });
    expect(sameTop).toBe(2 / 3);
    // Two tokens: three quarters, and all but certain.
    expect(perplexity.ours).toBeCloseTo(Math.sqrt(4 / 3), 5);
    expect(perplexity.theirs).toBeCloseTo(Math.sqrt(4 / 3), 5);
    expect(meanKl).toBeCloseTo(maxKl / 3, 12);
  });

  it('counts tokens that are not told as one', () => {
    const ours = [0.5, 0.25, 0.25].map(Math.log);
    expect(compareRow(ours, [Math.log(0.5), NaN, NaN], 'logprobs').meanKl).toBeCloseTo(0, 6);
    const { meanKl, sameTop } = compareRow(ours, [Math.log(0.25), NaN, NaN], 'logprobs');
    expect(meanKl).toBeCloseTo(0.5 * Math.log(2) + 0.5 * Math.log(0.5 / 0.75), 6);
    expect(sameTop).toBe(1);
  });

  it('is 0 for the same logits, whatever is added to all of them', () => {
    fc.assert(
      fc.property(logits, fc.integer({ min: -8, max: 8 }), (row, shift) => {
        const { meanKl, sameTop } = compareRow(row, row);
        expect(meanKl).toBe(0);
        expect(sameTop).toBe(1);
        const shifted = compareRow(
          row,
          row.map((value) => value + shift),
        );
        expect(Math.abs(shifted.meanKl)).toBeLessThan(1e-5);
      }),
    );
  });

  it('is never negative beyond rounding', () => {
    fc.assert(
      fc.property(logits, logits, (ours, theirs) => {
        expect(compareRow(ours, theirs).meanKl).toBeGreaterThan(-1e-12);
      }),
    );
  });

  it.each([NaN, Infinity, -Infinity])('finds no divergence below any limit where theirs has %s', (value) => {
    expect(compareRow([1, 2, 3], [1, value, 3]).meanKl <= 1e6).toBe(false);
    expect(compareRow([1, 2, 3], [NaN, NaN, NaN], 'logprobs').meanKl).toBeNaN();
  });
});
