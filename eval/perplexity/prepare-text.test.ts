import { describe, expect, it } from 'vitest';
import { InputError, UsageError } from '../../quant/errors.ts';
import { defaultCtx, prepareText, textForm, type ProtocolOptions } from './prepare-text.ts';
import type { TextEncoder } from './text-encoder.ts';

/** A token a character. */
const encoder: TextEncoder = {
  prefixIds: [],
  start: { id: 7, isBos: false },
  encodeAll: (texts) => Promise.resolve(texts.map((text) => Int32Array.from(text, (char) => char.charCodeAt(0)))),
};
const withBos: TextEncoder = { ...encoder, prefixIds: [1], start: { id: 1, isBos: true } };

const source = (text: string) => ({ text, sha256: 'abc' });
const prepare = (text: string, options: ProtocolOptions, by = encoder) => prepareText(source(text), by, options);

describe('prepareText', () => {
  it('puts a BOS before the text and not before each window', async () => {
    const { windows, protocol } = await prepare('abcdefghi', { name: 'gptq', ctx: 4 }, withBos);
    expect(windows.map(({ tokenIds }) => Array.from(tokenIds))).toEqual([
      [1, 97, 98, 99],
      [100, 101, 102, 103],
    ]);
    const counts = { ctx: 4, windows: 2, tokens: 10, scored: 6 };
    expect(protocol).toEqual({ name: 'gptq', ...counts, bos: true, textSha256: 'abc' });
  });

  it('counts all tokens but only the windows that are scored', async () => {
    const { protocol } = await prepare('x'.repeat(100), { name: 'gptq', ctx: 10, samples: 3 });
    const counts = { ctx: 10, windows: 3, tokens: 100, scored: 27 };
    expect(protocol).toEqual({ name: 'gptq', ...counts, bos: false, textSha256: 'abc' });
  });

  it('drops a newline at the end for llama.cpp alone, and only one', async () => {
    const tokensOf = async (name: 'llama.cpp' | 'stride', text: string): Promise<number> =>
      (await prepare(text, { name, ctx: 4 })).protocol.tokens;
    expect(await tokensOf('llama.cpp', 'abcdef\n')).toBe(6);
    expect(await tokensOf('llama.cpp', 'abcdef\n\n')).toBe(7);
    expect(await tokensOf('stride', 'abcdef\n')).toBe(7);
  });

  it('starts each chunk of llama.cpp with the BOS', async () => {
    const { windows, protocol } = await prepare('abcdefghij', { name: 'llama.cpp', ctx: 5 }, withBos);
    expect(windows.map(({ tokenIds }) => tokenIds[0])).toEqual([1, 1]);
    expect(protocol).toMatchObject({ name: 'llama.cpp', windows: 2, tokens: 11, scored: 4, bos: true });
  });

  it('strides by 512, or by less where windows are shorter', async () => {
    const text = 'x'.repeat(2000);
    expect((await prepare(text, { name: 'stride', ctx: 1024 })).protocol).toMatchObject({ stride: 512, windows: 3 });
    expect((await prepare(text, { name: 'stride', ctx: 100 })).protocol).toMatchObject({ stride: 100, windows: 20 });
  });

  it('scores pages by their words and bytes', async () => {
    const raw = ' = A = \n one two \n = B = \n three \n';
    const { windows, protocol } = await prepare(raw, { name: 'word', ctx: 8 });
    const counts = { pages: 2, words: 13, bytes: 33, tokens: 28, scored: 28, windows: 4 };
    expect(protocol).toEqual({ name: 'word', ctx: 8, bos: false, textSha256: 'abc', ...counts });
    expect(windows.map(({ tokenIds }) => tokenIds[0] === 7)).toEqual([true, false, true, false]);
    const first = (await prepare(raw, { name: 'word', ctx: 8, samples: 1 })).protocol;
    expect(first).toMatchObject({ pages: 1, windows: 2, tokens: 28 });
  });

  it.each<[string, string, ProtocolOptions, typeof InputError | typeof UsageError, RegExp]>([
    ['a text without tokens', '', { name: 'gptq', ctx: 4 }, InputError, /has 0 tokens, but a window needs 4/],
    ['a page without tokens', ' ', { name: 'word', ctx: 4 }, InputError, /has 0 tokens, but a window needs 1/],
    ['windows without targets', 'abcdef', { name: 'llama.cpp', ctx: 2 }, UsageError, /--ctx 2: .* at least 3 tokens/],
    ['gaps', 'abcdef', { name: 'stride', ctx: 4, stride: 5 }, UsageError, /--stride 5: expected 1 to 4/],
    ['no steps', 'abcdef', { name: 'stride', ctx: 4, stride: 0 }, UsageError, /--stride 0: expected 1 to 4/],
  ])('refuses %s', async (_, text, options, error, message) => {
    const preparing = prepare(text, options);
    await expect(preparing).rejects.toThrow(error);
    await expect(preparing).rejects.toThrow(message);
  });

  it('refuses pages for a tokenizer that has nothing to start them with', async () => {
    const preparing = prepare('page', { name: 'word', ctx: 8 }, { ...encoder, start: undefined });
    await expect(preparing).rejects.toMatchObject({ code: 'E_NO_START_TOKEN' });
  });
});

describe('protocols', () => {
  it('have the windows and the text that published values have', () => {
    expect(defaultCtx('gptq', 8192)).toBe(2048);
    expect(defaultCtx('llama.cpp', 8192)).toBe(512);
    expect(defaultCtx('stride', 512)).toBe(512);
    expect(defaultCtx('word', 8192)).toBe(8192);
    expect([textForm('gptq'), textForm('llama.cpp'), textForm('stride'), textForm('word')]).toEqual([
      'joined',
      'raw',
      'joined',
      'raw',
    ]);
  });
});
