import { describe, expect, it } from 'vitest';
import { InputError } from '../../quant/errors.ts';
import { prepareText } from './protocol.ts';
import { windows } from './windows.ts';

const tokens = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i);

describe('windows', () => {
  it('are disjoint, without the tail', () => {
    expect(windows(tokens(11), 4)).toEqual([Int32Array.of(0, 1, 2, 3), Int32Array.of(4, 5, 6, 7)]);
    expect(windows(tokens(8), 4)).toHaveLength(2);
  });

  it('are as many as published for Qwen2.5 on WikiText-2', () => {
    expect(windows(tokens(299_078), 2048)).toHaveLength(146);
  });

  it('are the first ones when fewer are asked for', () => {
    expect(windows(tokens(11), 4, 1)).toEqual([Int32Array.of(0, 1, 2, 3)]);
    expect(windows(tokens(11), 4, 40)).toHaveLength(2);
  });

  it('need enough tokens', () => {
    expect(() => windows(tokens(3), 4)).toThrow(InputError);
    expect(() => windows(tokens(3), 4)).toThrow('the text has 3 tokens, but a window needs 4');
    expect(() => windows(tokens(8), 1)).toThrow(RangeError);
  });
});

describe('prepareText', () => {
  it('puts a BOS before the text and not before each window', () => {
    const prepared = prepareText(tokens(9), [99], 'abc', { ctx: 4 });
    expect(prepared.windows).toEqual([Int32Array.of(99, 0, 1, 2), Int32Array.of(3, 4, 5, 6)]);
    expect(prepared.protocol).toEqual({ name: 'gptq', ctx: 4, windows: 2, tokens: 10, bos: true, textSha256: 'abc' });
  });

  it('counts all tokens but only the windows that are scored', () => {
    const { protocol } = prepareText(tokens(100), [], 'abc', { ctx: 10, samples: 3 });
    expect(protocol).toEqual({ name: 'gptq', ctx: 10, windows: 3, tokens: 100, bos: false, textSha256: 'abc' });
  });
});
