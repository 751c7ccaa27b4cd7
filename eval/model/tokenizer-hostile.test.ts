import { describe, expect, it } from 'vitest';
import { InputError } from '../../quant/errors.ts';
import { byteLevel, sampleTokenizer } from '../../testing/tokenizer-sample.ts';
import { encodeInWorker } from './encode-in-worker.ts';
import { Tokenizer } from './tokenizer.ts';

const sample = sampleTokenizer(byteLevel);

const use = (definition: object): string => {
  const tokenizer = new Tokenizer(JSON.stringify(definition).replace(JSON.stringify(DEEP), deep), 265);
  return tokenizer.decode(tokenizer.encode('the end'));
};

/** Arrays inside one another, deeper than a stack; written in the place of this text. */
const DEEP = 'deep';
const deep = '['.repeat(20_000) + ']'.repeat(20_000);

const replace = (pattern: unknown, content: unknown): object => ({ type: 'Replace', pattern, content });

describe('a tokenizer.json that its library was not written for', () => {
  it.each<[string, object, RegExp]>([
    [
      'a template that is no list',
      { ...sample, post_processor: { type: 'TemplateProcessing', single: 7, pair: [] } },
      /^tokenizer.json: the tokenizer in it does not work: .*iterable/,
    ],
    [
      'a decoder of numbers',
      { ...sample, decoder: { type: 'Strip', content: 4, start: {}, stop: -1 }, added_tokens: 4 },
      /^tokenizer.json: /,
    ],
    ['a vocabulary of nested lists', { ...sample, model: { ...sample.model, vocab: { a: DEEP } } }, /a list for "a"/],
    ['a type of nested lists', { ...sample, model: { ...sample.model, type: DEEP } }, /model.type is a list/],
    [
      'a replacement without a pattern',
      { ...sample, normalizer: replace({}, 'x') },
      /normalizer replaces without a pattern/,
    ],
    ['a replacement by nothing', { ...sample, decoder: replace({ String: 'x' }, 7) }, /decoder replaces by 7/],
    [
      'replacements that double the text over and over',
      {
        ...sample,
        normalizer: { type: 'Sequence', normalizers: Array.from({ length: 40 }, () => replace({ String: 'e' }, 'ee')) },
      },
      /normalizer replaces text by 1099511627776 times as much; the limit is 64/,
    ],
  ])('is refused for %s', (_, definition, message) => {
    let failure: unknown;
    try {
      use(definition);
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(InputError);
    expect(failure).toMatchObject({
      code: 'E_TOKENIZER_UNSUPPORTED',
      message: expect.stringMatching(message) as string,
    });
  });

  it('is refused by type in the thread, too', async () => {
    const definition = { ...sample, model: { ...sample.model, type: 'Unigram' } };
    const failure: unknown = await encodeInWorker(JSON.stringify(definition), ['x']).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InputError);
    expect(failure).toMatchObject({ code: 'E_TOKENIZER_UNSUPPORTED' });
  });

  it('may replace as the tokenizers in use do', () => {
    const normalizers = [
      { type: 'Prepend', prepend: 'x' },
      replace({ String: ' ' }, '▁'),
      replace({ Regex: ' {2,}' }, ' '),
    ];
    expect(use({ ...sample, normalizer: { type: 'Sequence', normalizers } })).not.toBe('');
  });
});
