import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../../eval/model/tokenizer.ts';
import type { GgufValue, TypedValue } from './metadata-value.ts';
import { GgufMetadata } from './metadata.ts';
import { tokenizerConfigDocument } from './tokenizer-config-document.ts';
import { hasTokenizer, tokenizerDocument } from './tokenizer-document.ts';

type Values = Readonly<Record<string, GgufValue | undefined>>;

const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);

const byteLevel: Values = {
  model: 'gpt2',
  pre: 'gpt-2',
  tokens: ['a', 'b', 'ab', '<s>', '[PAD4]', '[PAD4]'],
  token_type: [1, 1, 1, 3, 5, 5],
  merges: ['a b'],
  bos_token_id: 3,
};
const sentencePiece: Values = {
  model: 'llama',
  tokens: ['<unk>', '<s>', ...bytes, '▁', 'a', '▁a', 'aa'],
  token_type: [2, 3, ...bytes.map(() => 6), 1, 1, 1, 1],
  scores: [0, 0, ...bytes.map(() => 0), -3, -4, -1, -2],
  bos_token_id: 1,
};

function metadataOf(values: Values, others: Values = {}): GgufMetadata {
  const keys = Object.entries(values).map(([key, value]) => [`tokenizer.ggml.${key}`, value] as const);
  const typed = [...keys, ...Object.entries(others)].flatMap(([key, value]) =>
    value === undefined ? [] : [[key, { type: 'string', value }] satisfies [string, TypedValue]],
  );
  return new GgufMetadata('x.gguf', new Map(typed));
}

const made = (values: Values): Record<string, unknown> =>
  JSON.parse(JSON.stringify(tokenizerDocument(metadataOf(values)))) as Record<string, unknown>;

describe('tokenizerDocument', () => {
  it('leaves out what fills the vocabulary up, and adds control tokens', () => {
    expect(made(byteLevel)).toMatchObject({
      model: { vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']] },
      added_tokens: [{ id: 3, content: '<s>', special: true }],
      post_processor: null,
    });
  });

  it('puts BOS before and EOS behind a text where the file says so', () => {
    const processor = made({ ...byteLevel, add_bos_token: true, add_eos_token: true, eos_token_id: 2 })[
      'post_processor'
    ];
    expect(processor).toMatchObject({
      single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }, { SpecialToken: { id: 'ab' } }],
      special_tokens: { '<s>': { ids: [3] }, ab: { ids: [2] } },
    });
    expect(made({ ...byteLevel, pre: 'llama-bpe' })['post_processor']).not.toBeNull();
    expect(made({ ...byteLevel, pre: 'llama-bpe', add_bos_token: false })['post_processor']).toBeNull();
  });

  it('orders the merges of sentencepiece by score', () => {
    expect(made(sentencePiece)).toMatchObject({
      model: {
        merges: [
          ['▁', 'a'],
          ['a', 'a'],
        ],
        unk_token: '<unk>',
        byte_fallback: true,
      },
      normalizer: { normalizers: [{ type: 'Prepend' }, { type: 'Replace' }] },
    });
    expect(made({ ...sentencePiece, add_space_prefix: false })['normalizer']).toMatchObject({
      normalizers: [{ type: 'Replace' }],
    });
  });

  it('matches what users have defined in normalized text, and makes no merges with it', () => {
    const defined: Values = {
      ...sentencePiece,
      tokens: [...(sentencePiece['tokens'] as string[]), '  ', '<b>', '▁\n'],
      token_type: [...(sentencePiece['token_type'] as number[]), 4, 4, 4],
      scores: [...(sentencePiece['scores'] as number[]), -1000, -1000, -1000],
      add_space_prefix: false,
    };
    expect(made(defined)).toMatchObject({
      added_tokens: [
        { id: 0, content: '<unk>', special: true, normalized: false },
        { id: 1, content: '<s>', special: true, normalized: false },
        { id: 262, content: '▁▁', special: false, normalized: true },
        { id: 263, content: '<b>', special: false, normalized: true },
        { id: 264, content: '▁\n', special: false, normalized: true },
      ],
      model: {
        vocab: { '▁▁': 262 },
        merges: [
          ['▁', 'a'],
          ['a', 'a'],
        ],
      },
    });
    const tokenizer = new Tokenizer(JSON.stringify(made(defined)), 265);
    // The longest at each place: no ▁ is left for ▁a behind two.
    const ids = { '   a': [262, 260], '  a': [262, 259], ' \na': [264, 259], '▁▁aa<b>a': [262, 261, 263, 259] };
    for (const [text, expected] of Object.entries(ids)) expect([...tokenizer.encode(text)]).toEqual(expected);
    expect(tokenizer.decode([262, 261, 263, 264])).toBe('  aa<b> \n');
  });

  it.each<[string, Values]>([
    ['its tokenizer is of kind "bert", which is not read; known: gpt2, llama', { ...byteLevel, model: 'bert' }],
    ['tokenizer.ggml.pre is missing', { ...byteLevel, pre: undefined }],
    [
      'tokenizer.ggml.pre is "default", and how it splits text is not known; known: gpt-2',
      { ...byteLevel, pre: 'default' },
    ],
    ['"tokenizer.ggml.tokens" is missing', { ...byteLevel, tokens: undefined }],
    ['tokenizer.ggml.tokens is 3; expected a list of strings', { ...byteLevel, tokens: 3 }],
    ['6 tokens have 2 types', { ...byteLevel, token_type: [1, 1] }],
    ['token 0, "a", has type 9', { ...byteLevel, token_type: [9, 1, 1, 3, 5, 5] }],
    ['1 tokens of a byte-level vocabulary', { ...byteLevel, token_type: [6, 1, 1, 3, 5, 5] }],
    ['token 5 is "[PAD4]", as is one before it', { ...byteLevel, token_type: [1, 1, 1, 3, 1, 1] }],
    ['merge 0, "a", does not make a token of two', { ...byteLevel, merges: ['a'] }],
    ['merge 1, "b a", does not make a token of two', { ...byteLevel, merges: ['a b', 'b a'] }],
    [
      'add_bos_token is true; there is no tokenizer.ggml.bos_token_id',
      { ...byteLevel, add_bos_token: true, bos_token_id: undefined },
    ],
    ['bos_token_id is 6; there are 6 tokens', { ...byteLevel, add_bos_token: true, bos_token_id: 6 }],
    ['add_space_prefix is true', { ...byteLevel, add_space_prefix: true }],
    [
      'it has 255 tokens for bytes; expected 256',
      { ...sentencePiece, token_type: [2, 3, 1, ...bytes.slice(1).map(() => 6), 1, 1, 1, 1] },
    ],
    [
      'token 261, "aa", is defined by a user, and whether a space is put behind it as before a text is not told',
      { ...sentencePiece, token_type: [2, 3, ...bytes.map(() => 6), 1, 1, 1, 4] },
    ],
    [
      'token 261, " a", is defined by a user, and in normalized text it is another token',
      {
        ...sentencePiece,
        tokens: [...(sentencePiece['tokens'] as string[]).slice(0, -1), ' a'],
        token_type: [2, 3, ...bytes.map(() => 6), 1, 1, 1, 4],
        add_space_prefix: false,
      },
    ],
    [
      'tokens 260, "▁a", and 261, "aa", both have the score 0, which does not order merges',
      { ...sentencePiece, scores: [0, 0, ...bytes.map(() => 0), -3, -4, 0, 0] },
    ],
    ['262 tokens have 2 scores', { ...sentencePiece, scores: [0, 1] }],
    ['4 tokens have 1 different scores', { ...sentencePiece, scores: Array.from({ length: 262 }, () => -1000) }],
    ['a token has the score NaN', { ...sentencePiece, scores: Array.from({ length: 262 }, () => NaN) }],
    [
      'has 65 characters, over the limit of 64',
      { ...sentencePiece, tokens: [...(sentencePiece['tokens'] as string[]).slice(0, -1), 'a'.repeat(65)] },
    ],
    ['merge 0, "a b ", does not make', { ...byteLevel, merges: ['a b '] }],
    ['precompiled_charsmap is a list', { ...sentencePiece, precompiled_charsmap: [1] }],
    ['remove_extra_whitespaces is true', { ...sentencePiece, remove_extra_whitespaces: true }],
  ])('refuses: %s', (message, values) => {
    expect(() => tokenizerDocument(metadataOf(values))).toThrow(message);
  });

  it('knows whether there is a tokenizer', () => {
    expect(hasTokenizer(metadataOf(byteLevel))).toBe(true);
    expect(hasTokenizer(metadataOf({ model: 'none' }))).toBe(false);
    expect(hasTokenizer(metadataOf({}))).toBe(false);
  });
});

describe('tokenizerConfigDocument', () => {
  it('has every chat template by its name', () => {
    const templates = { 'tokenizer.chat_template': 'x', 'tokenizer.chat_template.tool_use': 'y' };
    expect(tokenizerConfigDocument(metadataOf(byteLevel, templates))).toMatchObject({
      bos_token: '<s>',
      chat_template: [
        { name: 'default', template: 'x' },
        { name: 'tool_use', template: 'y' },
      ],
    });
    expect(tokenizerConfigDocument(metadataOf(byteLevel))).toMatchObject({ chat_template: undefined });
  });
});
