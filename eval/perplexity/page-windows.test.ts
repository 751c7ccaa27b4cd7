import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pageWindows } from './page-windows.ts';

const tokens = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i);
const page = { text: '', words: 7, bytes: 40 };

describe('pageWindows', () => {
  it('start after the start token, and fill the last window up with earlier tokens', () => {
    const windows = pageWindows(tokens(10), 99, 4, page);
    expect(windows.map(({ tokenIds }) => Array.from(tokenIds))).toEqual([
      [99, 0, 1, 2, 3],
      [3, 4, 5, 6, 7],
      [5, 6, 7, 8, 9],
    ]);
    expect(windows.map(({ firstTarget }) => firstTarget)).toEqual([1, 1, 3]);
  });

  it('count words and bytes of the page once', () => {
    const windows = pageWindows(tokens(10), 99, 4, page);
    expect(windows.map(({ units, bytes }) => [units, bytes])).toEqual([
      [7, 40],
      [0, 0],
      [0, 0],
    ]);
  });

  it('score every token of the page once, and feed no more than they may', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 30 }), (count, ctx) => {
        const windows = pageWindows(tokens(count), 99, ctx, page);
        const targets = windows.flatMap(({ tokenIds, firstTarget }) => Array.from(tokenIds.subarray(firstTarget)));
        expect(targets).toEqual(Array.from(tokens(count)));
        for (const { tokenIds } of windows) expect(tokenIds.length).toBe(Math.min(ctx, count) + 1);
      }),
    );
  });

  it('are none for a page without tokens', () => {
    expect(pageWindows(tokens(0), 99, 4, page)).toEqual([]);
  });
});
