import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../quant/errors.ts';
import { accumulateLosses } from './accumulator.ts';
import { savedSpans, spansOf, splitLosses } from './loss-spans.ts';
import type { Protocol, Window } from './protocol.ts';
import type { SavedResult } from './saved-result.ts';
import { gptqWindows, llamaCppWindows, strideWindows } from './windows.ts';

const facts = { tokens: 9, bos: false, textSha256: 'ab' };

const saved = (protocol: Protocol, losses: number = protocol.scored): SavedResult => ({
  model: 'a model',
  data: 'a text',
  protocol,
  tokenizerSha256: 'cd',
  rows: [{ config: 'fp16', losses: Float32Array.from({ length: losses }, (_, i) => Math.sin(i) + 2) }],
});

/** A saved run over these windows. */
function savedOver(windows: readonly Window[], protocol: (counts: { windows: number; scored: number }) => Protocol) {
  const scored = spansOf(windows).reduce((sum, { targets }) => sum + targets, 0);
  return saved(protocol({ windows: windows.length, scored }));
}

/** What the spans of the protocol give must be what the windows give. */
function expectSame(result: SavedResult, windows: readonly Window[]): void {
  const [{ losses }] = result.rows;
  const mean = (spans: ReturnType<typeof spansOf>): unknown => accumulateLosses(splitLosses(losses, spans), spans);
  expect(mean(savedSpans(result, 'a.json'))).toEqual(mean(spansOf(windows)));
}

describe('savedSpans', () => {
  it('weigh losses as the windows of the run did, to the last bit', () => {
    const text = new Int32Array(100);
    const [gptq, llama] = [gptqWindows(text, { ctx: 8 }), llamaCppWindows(text, 1, { ctx: 8 })];
    expectSame(
      savedOver(gptq, (counts) => ({ name: 'gptq', ctx: 8, ...facts, ...counts })),
      gptq,
    );
    expectSame(
      savedOver(llama, (counts) => ({ name: 'llama.cpp', ctx: 8, ...facts, ...counts })),
      llama,
    );
    const pages = [5, 3].map((words): Window => ({
      tokenIds: text.subarray(0, 7),
      firstTarget: 1,
      weight: 1,
      units: words,
    }));
    expectSame(
      savedOver(pages, (counts) => ({ name: 'word', ctx: 8, pages: 2, words: 8, bytes: 40, ...facts, ...counts })),
      pages,
    );
  });

  it('do so for a sliding window of any size', () => {
    const sizes = fc.record({ tokens: fc.integer({ min: 2, max: 60 }), ctx: fc.integer({ min: 2, max: 20 }) });
    fc.assert(
      fc.property(sizes, fc.nat(), fc.integer({ min: 1, max: 9 }), ({ tokens, ctx }, part, samples) => {
        const stride = 1 + (part % ctx);
        const windows = strideWindows(new Int32Array(tokens), { ctx, stride, samples });
        const result = savedOver(windows, (counts) => ({ name: 'stride', ctx, stride, ...facts, tokens, ...counts }));
        expectSame(result, windows);
      }),
    );
  });

  it.each<[Protocol, number, string, string]>([
    [
      { name: 'gptq', ctx: 4, windows: 2, scored: 6, ...facts },
      5,
      'E_RESULTS_INCOMPLETE',
      'a.json: fp16 has 5 of 6 losses',
    ],
    [
      { name: 'stride', ctx: 4, stride: 2, windows: 3, scored: 9, ...facts },
      9,
      'E_RESULTS_INCONSISTENT',
      'a.json: protocol "stride" would score 7 tokens, not 9',
    ],
    [
      { name: 'stride', ctx: 2 ** 40, stride: 2 ** 40, windows: 3, scored: 6, ...facts, tokens: 2 ** 40 },
      6,
      'E_RESULTS_INCONSISTENT',
      'would score',
    ],
    [
      { name: 'stride', ctx: 0, stride: 0, windows: 3, scored: 6, ...facts },
      6,
      'E_RESULTS_INCONSISTENT',
      'would score 0',
    ],
    [{ name: 'gptq', ctx: 4, windows: 0, scored: 0, ...facts }, 0, 'E_RESULTS_INCONSISTENT', 'would score 0'],
  ])('refuse %j with %d losses', (protocol, losses, code, message) => {
    const reading = (): unknown => savedSpans(saved(protocol, losses), 'a.json');
    expect(reading).toThrow(message);
    expect(reading).toThrow(InputError);
    expect(reading).toThrow(expect.objectContaining({ code }) as Error);
  });
});
