import { quoted } from '../quoted.ts';
import type { GgufMetadata } from './metadata.ts';
import { postProcessor } from './post-processor.ts';
import { SPACE, userDefinedTokens } from './user-defined-tokens.ts';
import { addedToken, failTokenizer, readTokens, readVocabulary } from './vocabulary.ts';

const SCORES = 'tokenizer.ggml.scores';
const SPACE_PREFIX = 'tokenizer.ggml.add_space_prefix';

/** Keys of normalizations that the vocabularies of Llama, Mistral and Gemma do not have. */
const CHARACTER_MAP = 'tokenizer.ggml.precompiled_charsmap';
const EXTRA_SPACES = 'tokenizer.ggml.remove_extra_whitespaces';

/**
 * tokenizer.json of a BPE of sentencepiece, which GGUF calls `llama`, as transformers converts such a vocabulary: bytes
 * stand for what is in no token, and a token with a higher score is merged first. Ids are those of sentencepiece; the
 * tokenizer.json beside Gemma's original weights gives long runs of spaces others. Fails as `tokenizerDocument`: scores
 * that order nothing are what converters write that have not seen the original vocabulary.
 */
export function sentencePieceTokenizer(metadata: GgufMetadata): object {
  if (metadata.has(CHARACTER_MAP)) metadata.refuse(CHARACTER_MAP, 'no normalization of characters is supported');
  if (metadata.boolean(EXTRA_SPACES) === true) metadata.refuse(EXTRA_SPACES, 'only false is supported');
  const read = readVocabulary(metadata);
  const { normal, added, bytes } = read;
  if (bytes.size !== 256) failTokenizer(metadata, `it has ${bytes.size} tokens for bytes; expected 256`);
  const unknown = added.find(({ isUnknown }) => isUnknown);
  const hasPrefix = metadata.boolean(SPACE_PREFIX) ?? true;
  const special = added.filter(({ isSpecial }) => isSpecial);
  const matched = [...special, ...userDefinedTokens(metadata, read, hasPrefix)].toSorted((a, b) => a.id - b.id);
  const toSpace = { type: 'Replace', pattern: { String: ' ' }, content: SPACE };
  const vocabulary = [...normal, ...bytes, ...matched.map(({ content, id }) => [content, id] as const)];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: matched.map((token) => addedToken(token, !token.isSpecial)),
    normalizer: {
      type: 'Sequence',
      normalizers: [...(hasPrefix ? [{ type: 'Prepend', prepend: SPACE }] : []), toSpace],
    },
    pre_tokenizer: null,
    post_processor: postProcessor(metadata, true),
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(hasPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknown?.content ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary.toSorted(([, a], [, b]) => a - b)),
      merges: orderedMerges(metadata, normal),
    },
  };
}

/** Sentencepiece makes none longer than 16 unless it is told to. All ways to make a token cost the square of this. */
const MAX_CHARACTERS = 64;

/** Two tokens that make one. */
interface Merge {
  pair: readonly [string, string];
  /** Of the token that they make. */
  score: number;
  /** Characters of the two. */
  lengths: readonly [number, number];
}

/**
 * Every way to make a token of two, in the order of `generate_merges` of transformers: the highest score first, of equal
 * scores (runs of spaces have one) the longest left part and then the longest right part, and then the lowest ids.
 */
function orderedMerges(metadata: GgufMetadata, normal: ReadonlyMap<string, number>): (readonly [string, string])[] {
  const scores = metadata.required(SCORES, metadata.numbers(SCORES));
  const count = readTokens(metadata).length;
  if (scores.length !== count) failTokenizer(metadata, `${count} tokens have ${scores.length} scores`);
  checkOrder(
    metadata,
    [...normal.values()].map((id) => scores[id]),
  );
  checkZeros(metadata, normal, scores);
  checkLengths(metadata, normal);
  return [...normal]
    .flatMap(([token, id]) => waysToMake(token, scores[id], normal))
    .sort((a, b) => b.score - a.score || b.lengths[0] - a.lengths[0] || b.lengths[1] - a.lengths[1])
    .map(({ pair }) => pair);
}

/** That scores are those of a trained vocabulary, where hardly any two tokens have the same. */
function checkOrder(metadata: GgufMetadata, scores: readonly number[]): void {
  const bad = scores.find((score) => !Number.isFinite(score));
  if (bad !== undefined) failTokenizer(metadata, `a token has the score ${bad}`);
  const different = new Set(scores).size;
  if (2 * different < scores.length) {
    failTokenizer(metadata, `${scores.length} tokens have ${different} different scores, which do not order merges`);
  }
}

/**
 * That training has scored what is made of tokens: the first gets 0 and the next ones less. Those that were put into the
 * vocabulary afterwards all have 0, and so have those that users have defined, where a converter was not told of them.
 */
function checkZeros(metadata: GgufMetadata, normal: ReadonlyMap<string, number>, scores: readonly number[]): void {
  const made = [...normal].filter(([token, id]) => scores[id] === 0 && Array.from(token).length > 1);
  if (made.length < 2) return;
  const [first, second] = made.map(([token, id]) => `${id}, ${quoted(token)},`);
  failTokenizer(metadata, `tokens ${first} and ${second} both have the score 0, which does not order merges`);
}

function checkLengths(metadata: GgufMetadata, normal: ReadonlyMap<string, number>): void {
  for (const [token, id] of normal) {
    if (token.length > MAX_CHARACTERS) {
      const length = `${token.length} characters, over the limit of ${MAX_CHARACTERS}`;
      failTokenizer(metadata, `token ${id}, ${quoted(token)}, has ${length}`);
    }
  }
}

function waysToMake(token: string, score: number, normal: ReadonlyMap<string, number>): Merge[] {
  const characters = Array.from(token);
  const ways: (Merge & { ids: readonly [number, number] })[] = [];
  for (let length = 1; length < characters.length; length++) {
    const pair = [characters.slice(0, length).join(''), characters.slice(length).join('')] as const;
    const [left, right] = pair.map((part) => normal.get(part));
    if (left === undefined || right === undefined) continue;
    ways.push({ pair, score, lengths: [length, characters.length - length], ids: [left, right] });
  }
  return ways.sort((a, b) => a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1]);
}
