import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError, NotFoundError } from '../../quant/errors.ts';
import { folderDocuments } from '../../quant/checkpoint/folder-documents.ts';
import { nodeFileSystem } from '../../quant/file-system.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import {
  byteLevel,
  digitsThenByteLevel,
  sampleTokenizer,
  splitThenByteLevel,
  startOfText,
} from '../../testing/tokenizer-sample.ts';
import { loadTokenizer, Tokenizer } from './tokenizer.ts';

const VOCAB_SIZE = 265;

const build = (preTokenizer: object, postProcessor?: object): Tokenizer =>
  new Tokenizer(JSON.stringify(sampleTokenizer(preTokenizer, postProcessor)), VOCAB_SIZE);

const texts = ['the end', 'the  4½ ends, 4 ½ of²', '\ufeffthe\u0085the \ufeffthe\u00a0the', 'the\r\n\r\n  the<s> The'];

/** By Hugging Face's tokenizers in Rust (0.22) from the same definitions. */
const golden: readonly [string, object, number[][]][] = [
  [
    'ByteLevel',
    byteLevel,
    [
      [116, 256, 32, 260],
      [116, 256, 32, 32, 52, 194, 189, 32, 260, 115, 44, 32, 52, 262, 189, 32, 111, 102, 194, 178],
      [239, 187, 191, 116, 256, 194, 133, 116, 256, 263, 187, 191, 116, 256, 194, 160, 116, 256],
      [116, 256, 13, 10, 13, 10, 32, 258, 264, 32, 84, 256],
    ],
  ],
  [
    'Digits and ByteLevel',
    digitsThenByteLevel,
    [
      [116, 256, 32, 260],
      [116, 256, 261, 52, 194, 189, 32, 260, 115, 44, 32, 52, 32, 194, 189, 32, 111, 102, 194, 178],
      [239, 187, 191, 116, 256, 194, 133, 116, 256, 263, 187, 191, 116, 256, 194, 160, 116, 256],
      [116, 256, 13, 10, 13, 10, 32, 258, 264, 32, 84, 256],
    ],
  ],
  [
    'Split and ByteLevel',
    splitThenByteLevel,
    [
      [116, 256, 32, 260],
      [116, 256, 32, 32, 52, 194, 189, 32, 260, 115, 44, 32, 52, 32, 194, 189, 32, 111, 102, 194, 178],
      [239, 187, 191, 116, 256, 194, 133, 116, 256, 263, 187, 191, 116, 256, 194, 160, 116, 256],
      [116, 256, 13, 10, 13, 10, 32, 258, 264, 32, 84, 256],
    ],
  ],
];

describe('Tokenizer', () => {
  it.each(golden)('gives the tokens of the original for %s', (_, preTokenizer, ids) => {
    const tokenizer = build(preTokenizer);
    expect(texts.map((text) => Array.from(tokenizer.encode(text)))).toEqual(ids);
    expect(ids.map((each) => tokenizer.decode(each))).toEqual(texts);
  });

  it('knows what the post-processor puts before a text, and leaves it to the caller', () => {
    expect(build(byteLevel).prefixIds).toEqual([]);
    const byteLevelProcessor = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true };
    expect(build(byteLevel, byteLevelProcessor).prefixIds).toEqual([]);
    expect(build(byteLevel, startOfText).prefixIds).toEqual([264]);
    const both = { type: 'Sequence', processors: [byteLevelProcessor, startOfText] };
    expect(build(byteLevel, both).prefixIds).toEqual([264]);
    expect(Array.from(build(byteLevel, both).encode('the'))).toEqual([116, 256]);
  });

  it('handles empty input', () => {
    const tokenizer = build(byteLevel);
    expect(tokenizer.encode('')).toEqual(new Int32Array(0));
    expect(tokenizer.decode([])).toBe('');
  });

  it('decodes what has a token, special tokens only if they are wanted', () => {
    const tokenizer = build(byteLevel);
    expect(tokenizer.decode([264, 116, 256, 9999, 264])).toBe('<s>the<s>');
    expect(tokenizer.decode([264, 116, 256, 9999, 264], { skipSpecialTokens: true })).toBe('the');
    expect(tokenizer.decode([9999])).toBe('');
  });

  it('finds the special token that a text begins with, the longest of several', () => {
    const sample = sampleTokenizer(byteLevel);
    const [special] = sample.added_tokens;
    const longer = { ...special, id: 265, content: '<s>>' };
    const plain = { ...special, id: 266, content: 'the', special: false };
    const tokenizer = new Tokenizer(JSON.stringify({ ...sample, added_tokens: [special, longer, plain] }), 267);
    expect(tokenizer.specialTokenAt('<s> end')).toBe(264);
    expect(tokenizer.specialTokenAt('<s>> end')).toBe(265);
    expect(tokenizer.specialTokenAt('the end')).toBeUndefined();
    expect(tokenizer.specialTokenAt('')).toBeUndefined();
  });

  it('refuses an id that the model has no embedding for', async () => {
    const tokenizer = new Tokenizer(JSON.stringify(sampleTokenizer(byteLevel)), 260);
    expect(tokenizer.encode('the')).toEqual(Int32Array.of(116, 256));
    const message = "tokenizer.json: token id 260 is not below the model's vocab_size 260";
    expect(() => tokenizer.encode('end')).toThrow(message);
    await expect(tokenizer.encodeLong('end')).rejects.toThrow(message);
  });

  it('encodes in a thread of its own to the same ids', async () => {
    const text = texts.join('\n').repeat(100);
    const tokenizer = build(digitsThenByteLevel, startOfText);
    expect(await tokenizer.encodeLong(text)).toEqual(tokenizer.encode(text));
  });

  it('ends a pattern that backtracks without end', async () => {
    const endless = { type: 'Split', pattern: { Regex: '(a|a)*c' }, behavior: 'Isolated', invert: false };
    const encoding = build(endless).encodeLong('a'.repeat(200), 300);
    await expect(encoding).rejects.toThrow(InputError);
    await expect(encoding).rejects.toThrow('tokenizer.json: 200 characters were not encoded within 0.3 s');
  });

  const sample = sampleTokenizer(byteLevel);
  const split = { type: 'Split', pattern: { String: ' ' }, behavior: 'Isolated', invert: false };

  it.each<[string, unknown, RegExp]>([
    ['a list', [], /expected a JSON object/],
    ['another model', { ...sample, model: { type: 'Unigram', vocab: [] } }, /model.type is "Unigram"; known: BPE/],
    ['no model', { ...sample, model: null }, /model.type is null; known: BPE/],
    ['a list of tokens', { ...sample, model: { ...sample.model, vocab: ['a'] } }, /model.vocab is no object/],
    [
      'a negative id',
      { ...sample, model: { ...sample.model, vocab: { a: -1 } } },
      /has -1 for "a"; expected an id below/,
    ],
    [
      'a vast id',
      { ...sample, model: { ...sample.model, vocab: { a: 4e9 } } },
      /has 4000000000 for "a"; expected an id/,
    ],
    ['no merges', { ...sample, model: { ...sample.model, merges: {} } }, /model.merges is no list/],
    ['a bad merge', { ...sample, model: { ...sample.model, merges: ['h e', ['a']] } }, /model.merges\[1\] is no pair/],
    ['an unknown step', { ...sample, pre_tokenizer: { type: 'Magic' } }, /no tokenizer can be built .*Magic/],
    [
      'an unknown split',
      { ...sample, pre_tokenizer: { ...split, behavior: 'MergedWithNext' } },
      /by "MergedWithNext"; known/,
    ],
    ['an inverted split', { ...sample, pre_tokenizer: { ...split, invert: true } }, /by "Isolated", inverted; known/],
    ['no pattern', { ...sample, pre_tokenizer: { ...split, pattern: {} } }, /splits without a pattern/],
    [
      'a broken pattern',
      { ...sample, pre_tokenizer: { ...split, pattern: { Regex: '(' } } },
      /no tokenizer can be built/,
    ],
    [
      'a prefix without an id',
      { ...sample, added_tokens: [], post_processor: startOfText },
      /adds "<s>", which has no id/,
    ],
  ])('refuses %s', (_, definition, message) => {
    expect(() => new Tokenizer(JSON.stringify(definition), VOCAB_SIZE)).toThrow(InputError);
    expect(() => new Tokenizer(JSON.stringify(definition), VOCAB_SIZE)).toThrow(message);
  });

  it('refuses steps that are nested without end', () => {
    const wrap = (step: object) => ({ type: 'Sequence', pretokenizers: [step] });
    const nested = Array.from({ length: 20 }).reduce<object>(wrap, byteLevel);
    expect(() => build(nested)).toThrow(/pre_tokenizer is nested deeper than 8/);
  });
});

describe('loadTokenizer', () => {
  it('loads tokenizer.json of a folder', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(sampleTokenizer(byteLevel)));
    const tokenizer = loadTokenizer(folderDocuments(folder, nodeFileSystem), { vocabSize: VOCAB_SIZE });
    expect(Array.from(tokenizer.encode('the end'))).toEqual([116, 256, 32, 260]);
  });

  it('says what is wrong with a file', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'tokenizer.json');
    const load = () => loadTokenizer(folderDocuments(folder, nodeFileSystem), { vocabSize: VOCAB_SIZE });
    expect(load).toThrow(NotFoundError);
    expect(load).toThrow('the model has no tokenizer.json');
    writeFileSync(path, '{"model":');
    expect(load).toThrow(/tokenizer.json: not valid JSON/);
    writeFileSync(path, Buffer.of(0x22, 0xff, 0x22));
    expect(load).toThrow('tokenizer.json: not valid UTF-8');
    truncateSync(path, 100_000_000);
    expect(load).toThrow('tokenizer.json: 100000000 bytes are over the limit of 67108864');
    const other = temporaryFolder();
    mkdirSync(join(other, 'tokenizer.json'));
    expect(() => loadTokenizer(folderDocuments(other, nodeFileSystem), { vocabSize: VOCAB_SIZE })).toThrow(
      /tokenizer.json: not a regular file/,
    );
  });
});
