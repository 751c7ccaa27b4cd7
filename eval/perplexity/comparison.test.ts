import { describe, expect, it } from 'vitest';
import { compare } from './comparison.ts';
import type { Window } from './protocol.ts';

const window = (weight: number, units: number): Window => ({
  tokenIds: new Int32Array(4),
  firstTarget: 1,
  weight,
  units,
});

describe('compare', () => {
  it('pairs tokens: what both find hard does not count', () => {
    const other = [Float32Array.of(1, 8, 3), Float32Array.of(2, 9, 0)];
    const losses = [Float32Array.of(1.5, 8.25, 3), Float32Array.of(2.25, 9.5, 0)];
    const { logRatio, standardError, deltaPercent } = compare(losses, other, [window(1, 3), window(1, 3)]);
    // Differences 0.5, 0.25, 0, 0.25, 0.5, 0.
    expect(logRatio).toBeCloseTo(0.25, 12);
    expect(standardError).toBeCloseTo(Math.sqrt(0.25 / 5 / 6), 12);
    expect(deltaPercent).toBeCloseTo(100 * (Math.exp(0.25) - 1), 12);
  });

  it('is exactly 0 for equal losses', () => {
    const losses = [Float32Array.of(1, 8, 3)];
    expect(compare(losses, losses, [window(1, 3)])).toEqual({ logRatio: 0, standardError: 0, deltaPercent: 0 });
  });

  it('weighs windows as the protocol does', () => {
    const losses = [Float32Array.of(1, 1, 1), Float32Array.of(4, 4, 4)];
    const other = [new Float32Array(3), new Float32Array(3)];
    expect(compare(losses, other, [window(1, 3), window(2 / 3, 2)]).logRatio).toBeCloseTo((3 + 8) / 5, 12);
  });

  it('compares the windows that both have', () => {
    const [windows, other] = [
      [window(1, 3), window(1, 3)],
      [new Float32Array(3), new Float32Array(3)],
    ];
    expect(compare([Float32Array.of(1, 2, 3)], other, windows).logRatio).toBe(2);
    expect(compare([], other, windows).logRatio).toBeNaN();
  });
});
