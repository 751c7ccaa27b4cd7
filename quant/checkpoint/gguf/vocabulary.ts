import { quoted } from '../quoted.ts';
import { failGguf } from './failure.ts';
import type { GgufMetadata } from './metadata.ts';

/** Token types of ggml. */
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;
const BYTE = 6;

/** A token that is found in the text before it is split: a control token, or one that a user has added. */
export interface AddedToken {
  id: number;
  content: string;
  isSpecial: boolean;
  /** Stands for text that is in no token. */
  isUnknown: boolean;
}

/** A token that the metadata give a part to play. */
export type SpecialToken = Pick<AddedToken, 'id' | 'content'>;

/** Tokens of a file by what they are for. */
export interface Vocabulary {
  /** Tokens that merges make, by content. */
  normal: ReadonlyMap<string, number>;
  added: readonly AddedToken[];
  /** Tokens for a byte each, by content. */
  bytes: ReadonlyMap<string, number>;
}

/**
 * The tokens of a tokenizer. Unused ones fill up the embedding and have no text.
 *
 * @throws InputError `E_GGUF_TOKENIZER`, `E_GGUF_KEY`, `E_GGUF_KEY_MISSING`
 */
export function readVocabulary(metadata: GgufMetadata): Vocabulary {
  const typesKey = 'tokenizer.ggml.token_type';
  const tokens = readTokens(metadata);
  const types = metadata.required(typesKey, metadata.numbers(typesKey));
  if (types.length !== tokens.length) {
    failTokenizer(metadata, `${tokens.length} tokens have ${types.length} types`);
  }
  const seen = new Set<string>();
  const normal = new Map<string, number>();
  const added: AddedToken[] = [];
  const bytes = new Map<string, number>();
  for (const [id, content] of tokens.entries()) {
    const type = types[id];
    if (type === UNUSED) continue;
    if (seen.has(content)) failTokenizer(metadata, `token ${id} is ${quoted(content)}, as is one before it`);
    seen.add(content);
    if (type === NORMAL) normal.set(content, id);
    else if (type === BYTE) bytes.set(content, id);
    else if (type === CONTROL || type === UNKNOWN || type === USER_DEFINED) {
      added.push({ id, content, isSpecial: type !== USER_DEFINED, isUnknown: type === UNKNOWN });
    } else failTokenizer(metadata, `token ${id}, ${quoted(content)}, has type ${type}; known: 1 to 6`);
  }
  return { normal, added, bytes };
}

/** As tokenizer.json lists an added token, which is matched in the text as it is, or after normalization. */
export const addedToken = ({ id, content, isSpecial }: AddedToken, isNormalized: boolean): object => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: isNormalized,
  special: isSpecial,
});

/** All tokens, by id. */
export function readTokens(metadata: GgufMetadata): readonly string[] {
  const key = 'tokenizer.ggml.tokens';
  return metadata.required(key, metadata.strings(key));
}

/** The token that the metadata name as `bos`, `eos`, `unknown` or `padding`. */
export function specialToken(metadata: GgufMetadata, name: string): SpecialToken | undefined {
  const key = `tokenizer.ggml.${name}_token_id`;
  const id = metadata.integer(key);
  if (id === undefined) return undefined;
  const tokens = readTokens(metadata);
  if (id >= tokens.length) metadata.refuse(key, `there are ${tokens.length} tokens`);
  return { id, content: tokens[id] };
}

/** What helps where a tokenizer cannot be rebuilt. */
export const TOKENIZER_HINT = 'use the original model, whose tokenizer.json stands beside its weights';

/** @throws InputError `E_GGUF_TOKENIZER` always */
export function failTokenizer(metadata: GgufMetadata, what: string): never {
  failGguf(metadata.file, 'E_GGUF_TOKENIZER', `the tokenizer in its metadata: ${what}`, {}, TOKENIZER_HINT);
}
