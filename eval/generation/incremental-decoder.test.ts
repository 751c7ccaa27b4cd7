import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLevel, sampleTokenizer } from '../../testing/tokenizer-sample.ts';
import { Tokenizer } from '../model/tokenizer.ts';
import { IncrementalDecoder, type Decode } from './incremental-decoder.ts';

const sample = sampleTokenizer(byteLevel);

/** Llama 2's decoder: spaces as ▁, the first one taken away, and characters without a token byte by byte. */
const words = ['<unk>', '<s>', '▁', '▁the', 'end', '▁中', '文', '\ufffd', '\ufeff'];
const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
const byteFallback = {
  ...sample,
  added_tokens: [{ ...sample.added_tokens[0], id: 1 }],
  pre_tokenizer: null,
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    type: 'BPE',
    unk_token: '<unk>',
    byte_fallback: true,
    vocab: Object.fromEntries([...words, ...bytes].map((token, id) => [token, id])),
    merges: [],
  },
};

const decoderOf = (definition: object): Decode => {
  const tokenizer = new Tokenizer(JSON.stringify(definition), 1024);
  return (ids) => tokenizer.decode(ids, { skipSpecialTokens: true });
};
const decoders: [string, Decode, number][] = [
  ['byte-level', decoderOf(sample), 266],
  ['byte-fallback', decoderOf(byteFallback), words.length + 257],
];

function piecesOf(decode: Decode, ids: readonly number[]): string[] {
  const decoder = new IncrementalDecoder(decode);
  return [...ids.map((id) => decoder.push(id)), decoder.finish()];
}

const encoder = new TextEncoder();

describe.each(decoders)('IncrementalDecoder of %s tokens', (name, decode, tokens) => {
  it('gives the text of all tokens, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(tokens - 1), { maxLength: 40 }), (ids) => {
        expect(piecesOf(decode, ids).join('')).toBe(decode(ids));
      }),
      { numRuns: 300 },
    );
  });

  it('gives whole characters only, each as soon as its last byte is there', () => {
    const firstByte = name === 'byte-level' ? 0 : words.length;
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), (text) => {
        // A byte order mark in front is dropped by byte-fallback decoders.
        fc.pre(!text.startsWith('\ufeff') && !text.includes('\ufffd') && !text.startsWith(' '));
        // Token ids of the sample's first 256 tokens are in the order of GPT-2's byte alphabet: bytes themselves.
        const pieces = piecesOf(
          decode,
          Array.from(encoder.encode(text), (byte) => firstByte + byte),
        );
        const expected = Array.from(text).flatMap((character) => {
          const missing = encoder.encode(character).length - 1;
          return [...Array<string>(missing).fill(''), character];
        });
        expect(pieces).toEqual([...expected, '']);
      }),
      { numRuns: 200 },
    );
  });
});

describe('IncrementalDecoder', () => {
  const [, decode] = decoders[1];

  it('gives the spaces between words, and none before the first', () => {
    expect(piecesOf(decode, [3, 4, 2, 3, 5])).toEqual(['the', 'end', ' ', ' the', ' 中', '']);
  });

  it('is not misled by special tokens', () => {
    expect(piecesOf(decode, [3, 1, 3, 1, 1, 4])).toEqual(['the', '', ' the', '', '', 'end', '']);
  });

  it('tells at the end that a character lacks bytes', () => {
    expect(piecesOf(decode, [3, words.length + 0xe4])).toEqual(['the', '', '\ufffd']);
  });
});
