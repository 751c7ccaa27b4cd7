import * as library from '@huggingface/tokenizers';
import { quoted } from '../../quant/checkpoint/quoted.ts';
import { parseTokenizer, unsupported } from './tokenizer-definition.ts';

/** What is used of the library's tokenizer. Its own declarations lack file extensions and do not resolve under Node. */
export interface LibraryTokenizer {
  /** An id is undefined if neither the token nor an unknown token is in the vocabulary. */
  encode(text: string, options: { add_special_tokens: boolean }): { ids: (number | undefined)[] };
  decode(ids: number[], options: { clean_up_tokenization_spaces: boolean; skip_special_tokens: boolean }): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  all_special_ids: number[];
  post_processor: {
    post_process(tokens: string[], pair: null, addSpecialTokens: boolean): { tokens: string[] };
  } | null;
}

const { Tokenizer } = library as unknown as {
  Tokenizer: new (definition: object, config: object) => LibraryTokenizer;
};

/**
 * The library's tokenizer for the text of a tokenizer.json. What the library says to a definition that it was not written
 * for, when it is built or used, becomes a refusal of the file.
 *
 * @throws InputError `E_TOKENIZER_*` for whatever it cannot be built from; so do its methods
 */
export function createTokenizer(definition: string, file: string): LibraryTokenizer {
  const checked = parseTokenizer(definition, file);
  const inner = attempt(file, 'no tokenizer can be built from it', () => new Tokenizer(checked, {}));
  const use = <T>(action: () => T): T => attempt(file, 'the tokenizer in it does not work', action);
  const { post_processor: processor } = inner;
  return {
    encode: (text, options) => use(() => inner.encode(text, options)),
    decode: (ids, options) => use(() => inner.decode(ids, options)),
    token_to_id: (token) => use(() => inner.token_to_id(token)),
    id_to_token: (id) => use(() => inner.id_to_token(id)),
    all_special_ids: inner.all_special_ids,
    post_processor: processor && {
      post_process: (...request) => use(() => processor.post_process(...request)),
    },
  };
}

function attempt<T>(file: string, what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw unsupported(file, `${what}: ${quoted(reason).slice(1, -1)}`, cause);
  }
}
