import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../quant/errors.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { compareToBaseline, type CurrentRun } from './baseline.ts';
import type { GptqProtocol, Protocol } from './protocol.ts';
import { encodeSavedResult, readSavedResult, savedRows, type SavedResult } from './saved-result.ts';

const protocol: GptqProtocol = {
  name: 'gptq',
  ctx: 4,
  windows: 2,
  tokens: 9,
  scored: 6,
  bos: false,
  textSha256: 'ab',
};
const window = { tokenIds: new Int32Array(4), firstTarget: 1, weight: 1, units: 3 };
const run: CurrentRun = {
  text: { protocol, windows: [window, window] },
  tokenizerSha256: 'cd',
  rows: [
    { config: 'fp16', losses: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { config: 'w8a8', losses: Float32Array.of(2, 3, 4) },
  ],
};
const saved: SavedResult = {
  model: 'a model',
  data: 'a text',
  protocol,
  tokenizerSha256: 'cd',
  rows: [{ config: 'bf16', losses: Float32Array.of(0.5, 1.5, 2.5, 3, 4, 5) }, ...run.rows],
};

function readText(text: string): SavedResult {
  const path = join(temporaryFolder(), 'saved.json');
  writeFileSync(path, text);
  return readSavedResult(path);
}

describe('a saved result', () => {
  it.each<Protocol>([
    protocol,
    { ...protocol, name: 'llama.cpp', bos: true },
    { ...protocol, name: 'stride', stride: 3 },
    { ...protocol, name: 'word', pages: 1, words: 3, bytes: 20 },
  ])('comes back as it was: $name', (each) => {
    const result = { ...saved, protocol: each };
    expect(readText(encodeSavedResult(result))).toEqual(result);
  });

  it('keeps the bits of odd losses', () => {
    const losses = Float32Array.of(NaN, Infinity, 1e-45, 0.1, 3.4028234663852886e38, 0);
    expect(readText(encodeSavedResult({ ...saved, rows: [{ config: 'a', losses }] })).rows[0].losses).toEqual(losses);
  });

  it('holds the windows of each configuration one after the other', () => {
    const cost = { seconds: 1, peakMemoryBytes: 1, modelBytes: 1 };
    const results = [
      { config: 'a', window: 0, losses: Float32Array.of(1, 2), ...cost },
      { config: 'a', window: 1, losses: Float32Array.of(3), ...cost },
      { config: 'b', window: 0, losses: Float32Array.of(4, 5), ...cost },
    ];
    expect(savedRows(results)).toEqual([
      { config: 'a', losses: Float32Array.of(1, 2, 3) },
      { config: 'b', losses: Float32Array.of(4, 5) },
    ]);
  });

  it.each<[string, (text: string) => string, RegExp]>([
    ['no JSON', () => 'losses', /saved.json: /],
    ['no object', () => '[]', /expected an object/],
    ['another schema', (text) => text.replace('/1"', '/2"'), /schema is "cider.perplexity\/2"; expected "cider/],
    ['no protocol', (text) => text.replace('"protocol"', '"other"'), /protocol is missing; expected an object/],
    ['an unknown protocol', (text) => text.replace('gptq', 'mine'), /protocol.name is "mine"; known: gptq, llama.cpp/],
    ['a negative count', (text) => text.replace('"ctx":4', '"ctx":-4'), /protocol.ctx is -4; expected an integer/],
    ['no tokenizer', (text) => text.replace('"cd"', '3'), /tokenizerSha256 is 3; expected a string/],
    ['no rows', (text) => text.replace(/"losses":\{[^}]*\}/, '"losses":{}'), /expected at least one configuration/],
    ['half a loss', (text) => text.replace(/"bf16":"[^"]*"/, '"bf16":"AAA="'), /the losses of "bf16" are no base64/],
    ['text as losses', (text) => text.replace(/"bf16":"[^"]*"/, '"bf16":"$$$$"'), /the losses of "bf16" are no base64/],
    ['too many losses', (text) => text.replace('"scored":6', '"scored":5'), /no base64 of 5 or fewer f32/],
  ])('is refused with %s', (_, change, message) => {
    const text = change(encodeSavedResult(saved));
    expect(() => readText(text)).toThrow(InputError);
    expect(() => readText(text)).toThrow(message);
  });
});

describe('compareToBaseline', () => {
  it('compares every row with the first one of the other run, as far as both go', () => {
    const [float, quantized] = compareToBaseline(run, saved);
    expect(float).toMatchObject({ config: 'fp16', windows: 2, logRatio: 0.75 });
    expect(float.standardError).toBeCloseTo(Math.sqrt(0.375 / 5 / 6), 12);
    expect(quantized).toMatchObject({ config: 'w8a8', windows: 1, logRatio: 1.5, standardError: 0 });
  });

  it.each<[Partial<SavedResult>, RegExp]>([
    [{ protocol: { ...protocol, name: 'llama.cpp' } }, /another protocol: llama.cpp, this run has gptq/],
    [{ protocol: { ...protocol, name: 'stride', stride: 3 } }, /another protocol: stride/],
    [{ protocol: { ...protocol, textSha256: 'ff', tokens: 10 } }, /another text \(SHA-256\): ff, this run has ab/],
    [{ protocol: { ...protocol, ctx: 5 } }, /another ctx: 5, this run has 4/],
    [{ protocol: { ...protocol, windows: 3 } }, /another number of windows: 3, this run has 2/],
    [{ protocol: { ...protocol, bos: true } }, /another bos: true, this run has false/],
    [{ tokenizerSha256: 'ee' }, /another tokenizer.json \(SHA-256\): ee, this run has cd/],
  ])('refuses %j', (change, message) => {
    const comparing = (): unknown => compareToBaseline(run, { ...saved, ...change });
    expect(comparing).toThrow(message);
    expect(comparing).toThrow(expect.objectContaining({ code: 'E_BASELINE_MISMATCH' }) as Error);
  });
});
