import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { randomModel, smallConfig } from '../../testing/random-model.ts';
import { checkSequenceLength, textWindows, withoutPlaceholders } from './calibration-text.ts';
import { loadFloatModel } from './load-float-model.ts';
import { writeSelfText, type SelfTextRequest } from './self-text.ts';

/** A token a character. */
const encoder = {
  prefixIds: [7],
  encodeAll: (texts: readonly string[]) =>
    Promise.resolve(texts.map((text) => Int32Array.from(text, (character) => character.charCodeAt(0)))),
};
const textOf = (length: number): { name: string; text: string } => ({
  name: 'text',
  text: Array.from({ length }, (_, i) => String.fromCharCode(100 + i)).join(''),
});

describe('withoutPlaceholders', () => {
  it.each([
    [' the <unk> of <unk> , 1911', ' the of , 1911', 2],
    ['<unk> <unk>\n<unk>', '\n', 3],
    ['a  <unk>b', 'a b', 1],
    ['<UNK> < unk > &lt;unk&gt; \u2581', '<UNK> < unk > &lt;unk&gt; \u2581', 0],
    ['', '', 0],
  ])('of %j is %j', (whole, text, placeholders) => {
    expect(withoutPlaceholders(whole)).toEqual({ text, placeholders });
  });
});

describe('textWindows', () => {
  it('takes windows evenly over the text, with what the tokenizer puts before it', async () => {
    const { windows, facts } = await textWindows(textOf(29), encoder, { samples: 3, seqLen: 4 });
    // Seven windows of 30 tokens: numbers 0, 2 and 4.
    expect(windows.map((window) => Array.from(window))).toEqual([
      [7, 100, 101, 102],
      [107, 108, 109, 110],
      [115, 116, 117, 118],
    ]);
    const bytes = Buffer.concat(windows.map(({ buffer }) => Buffer.from(buffer)));
    const tokensSha256 = createHash('sha256').update(bytes).digest('hex');
    expect(bytes).toHaveLength(48);
    expect(facts).toEqual({ data: 'text', tokensSha256, samples: 3, seqLen: 4 });
  });

  it('never takes a token twice', async () => {
    const sizes = fc.record({ samples: fc.integer({ min: 1, max: 40 }), seqLen: fc.integer({ min: 1, max: 30 }) });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 0, max: 2000 }), async (shape, more) => {
        const plain = { ...encoder, prefixIds: [] };
        const { windows } = await textWindows(textOf(shape.samples * shape.seqLen + more), plain, shape);
        const tokens = windows.flatMap((window) => Array.from(window));
        expect(tokens).toHaveLength(shape.samples * shape.seqLen);
        for (let i = 1; i < tokens.length; i++) expect(tokens[i]).toBeGreaterThan(tokens[i - 1]);
      }),
      { numRuns: 50 },
    );
  });

  it('says how many tokens a text lacks', async () => {
    await expect(textWindows(textOf(29), encoder, { samples: 8, seqLen: 4 })).rejects.toMatchObject({
      code: 'E_TOO_FEW_TOKENS',
      message: 'the text has 30 tokens, but 8 windows of 4 need 32',
      hint: 'give a longer text, or --samples 7 or less',
      details: { needed: 32, found: 30 },
    });
    await expect(textWindows(textOf(2), encoder, { samples: 1, seqLen: 4 })).rejects.toMatchObject({
      hint: 'give a longer text, or a smaller --seq-len',
    });
  });
});

describe('checkSequenceLength', () => {
  it('refuses windows that are longer than the context', () => {
    const config = smallConfig({ max_position_embeddings: 64 });
    checkSequenceLength(64, config);
    expect(() => {
      checkSequenceLength(65, config);
    }).toThrow(
      expect.objectContaining({
        code: 'E_SEQUENCE_TOO_LONG',
        message: '--seq-len 65: the model was made for at most 64 positions',
        hint: 'use --seq-len 64 or less',
      }),
    );
  });
});

describe('writeSelfText', () => {
  const model = randomModel(smallConfig(), 5);
  const request: SelfTextRequest = { samples: 3, seqLen: 6, seed: 1, start: 2 };
  const signal = new AbortController().signal;
  const write = async (changed: Partial<SelfTextRequest> = {}) => {
    const decoder = await loadFloatModel(model, openReferenceBackend());
    return writeSelfText(decoder, { ...request, ...changed }, { signal, onProgress: () => undefined });
  };

  it('writes the same text for a seed, and another for another', async () => {
    const text = await write();
    expect(text.facts).toMatchObject({ data: 'self', samples: 3, seqLen: 6 });
    expect(text.windows.map(({ length }) => length)).toEqual([6, 6, 6]);
    expect(text.windows.map(([first]) => first)).toEqual([2, 2, 2]);
    expect(await write()).toEqual(text);
    expect((await write({ seed: 2 })).windows).not.toEqual(text.windows);
  });

  it('starts with tokens by chance where there is no BOS', async () => {
    const { windows } = await write({ start: undefined, samples: 20, seqLen: 1 });
    expect(new Set(windows.map(([first]) => first)).size).toBeGreaterThan(5);
    for (const [first] of windows) expect(first).toBeLessThan(17);
  });

  it('writes tokens as often as the model expects them', async () => {
    const decoder = await loadFloatModel(model, openReferenceBackend());
    const logits = await decoder.logits(Int32Array.of(2));
    const weights = Array.from(logits, (logit) => Math.exp(logit));
    const sum = weights.reduce((total, weight) => total + weight);
    const { windows } = await write({ samples: 600, seqLen: 2 });
    weights.forEach((weight, token) => {
      const [p, count] = [weight / sum, windows.filter((window) => window[1] === token).length];
      // Five standard deviations of a binomial distribution.
      expect(Math.abs(count - 600 * p)).toBeLessThan(5 * Math.sqrt(600 * p * (1 - p)) + 1);
    });
  });

  it('tells how far it is, and stops for a signal', async () => {
    const decoder = await loadFloatModel(model, openReferenceBackend());
    const controller = new AbortController();
    const seen: number[] = [];
    const onProgress = (done: number, total: number): void => {
      expect(total).toBe(18);
      seen.push(done);
      if (done === 9) controller.abort(new Error('interrupted'));
    };
    const writing = writeSelfText(decoder, request, { signal: controller.signal, onProgress });
    await expect(writing).rejects.toThrow('interrupted');
    expect(seen).toEqual([3, 6, 9]);
  });
});
