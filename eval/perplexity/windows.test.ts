import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../quant/errors.ts';
import type { Window } from './protocol.ts';
import { gptqWindows, llamaCppWindows, strideWindows } from './windows.ts';

const tokens = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i);
const idsOf = (windows: readonly Window[]): number[][] => windows.map(({ tokenIds }) => Array.from(tokenIds));
const targetsOf = (windows: readonly Window[]): number[] =>
  windows.flatMap(({ tokenIds, firstTarget }) => Array.from(tokenIds.subarray(firstTarget)));

describe('gptqWindows', () => {
  it('are disjoint, without the tail, and score all but their first token', () => {
    const windows = gptqWindows(tokens(11), { ctx: 4 });
    expect(idsOf(windows)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
    expect(targetsOf(windows)).toEqual([1, 2, 3, 5, 6, 7]);
    expect(windows[0]).toMatchObject({ weight: 1, units: 3 });
    expect(gptqWindows(tokens(8), { ctx: 4 })).toHaveLength(2);
  });

  it('are as many as published for Qwen2.5 on WikiText-2', () => {
    expect(gptqWindows(tokens(299_078), { ctx: 2048 })).toHaveLength(146);
  });

  it('are the first ones when fewer are asked for', () => {
    expect(idsOf(gptqWindows(tokens(11), { ctx: 4, samples: 1 }))).toEqual([[0, 1, 2, 3]]);
    expect(gptqWindows(tokens(11), { ctx: 4, samples: 40 })).toHaveLength(2);
  });

  it('need enough tokens', () => {
    expect(() => gptqWindows(tokens(3), { ctx: 4 })).toThrow(InputError);
    expect(() => gptqWindows(tokens(3), { ctx: 4 })).toThrow('the text has 3 tokens, but a window needs 4');
  });
});

describe('llamaCppWindows', () => {
  it('score 255 of 512 tokens', () => {
    const [window] = llamaCppWindows(tokens(512), undefined, { ctx: 512 });
    expect(window).toMatchObject({ firstTarget: 257, weight: 1, units: 255 });
    expect(targetsOf([window])).toEqual(Array.from(tokens(512).subarray(257)));
  });

  it('start with a BOS in the place of their first token, if there is one', () => {
    const ids = tokens(11);
    expect(idsOf(llamaCppWindows(ids, 99, { ctx: 5 }))).toEqual([
      [99, 1, 2, 3, 4],
      [99, 6, 7, 8, 9],
    ]);
    expect(ids).toEqual(tokens(11));
    expect(idsOf(llamaCppWindows(ids, undefined, { ctx: 5, samples: 1 }))).toEqual([[0, 1, 2, 3, 4]]);
  });

  it('score from half of an odd window on', () => {
    expect(targetsOf(llamaCppWindows(tokens(5), 99, { ctx: 5 }))).toEqual([3, 4]);
    expect(targetsOf(llamaCppWindows(tokens(3), 99, { ctx: 3 }))).toEqual([2]);
  });
});

describe('strideWindows', () => {
  it('overlap, and weigh new tokens less one', () => {
    const windows = strideWindows(tokens(11), { ctx: 6, stride: 3 });
    expect(idsOf(windows)).toEqual([
      [0, 1, 2, 3, 4, 5],
      [3, 4, 5, 6, 7, 8],
      [6, 7, 8, 9, 10],
    ]);
    expect(windows.map(({ firstTarget }) => firstTarget)).toEqual([1, 3, 3]);
    expect(windows.map(({ units }) => units)).toEqual([5, 2, 1]);
    expect(windows.map(({ weight }) => weight)).toEqual([1, 2 / 3, 1 / 2]);
  });

  it('score every token but the first once, whatever the sizes', () => {
    const sizes = fc.integer({ min: 2, max: 40 }).chain((ctx) =>
      fc.record({
        ctx: fc.constant(ctx),
        stride: fc.integer({ min: 1, max: ctx - 1 }),
        count: fc.integer({ min: 2, max: 200 }),
      }),
    );
    fc.assert(
      fc.property(sizes, ({ ctx, stride, count }) => {
        const windows = strideWindows(tokens(count), { ctx, stride });
        expect(targetsOf(windows)).toEqual(Array.from(tokens(count).subarray(1)));
        for (const { tokenIds, firstTarget, weight, units } of windows) {
          expect(tokenIds.length).toBeLessThanOrEqual(ctx);
          expect(weight * (tokenIds.length - firstTarget)).toBeCloseTo(units, 9);
        }
      }),
    );
  });

  it('are disjoint with a stride of their own length, and then never score their first token', () => {
    const windows = strideWindows(tokens(9), { ctx: 4, stride: 4 });
    expect(targetsOf(windows)).toEqual([1, 2, 3, 5, 6, 7]);
    expect(windows.map(({ weight, units }) => [weight, units])).toEqual([
      [1, 3],
      [1, 3],
    ]);
  });

  it('are the first ones when fewer are asked for, and need two tokens', () => {
    expect(strideWindows(tokens(11), { ctx: 6, stride: 3, samples: 2 })).toHaveLength(2);
    expect(() => strideWindows(tokens(1), { ctx: 6, stride: 3 })).toThrow('has 1 tokens, but a window needs 2');
  });
});
