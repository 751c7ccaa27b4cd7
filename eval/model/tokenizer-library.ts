import * as library from '@huggingface/tokenizers';
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
 * The library's tokenizer for the text of a tokenizer.json.
 *
 * @throws InputError `E_TOKENIZER_*` for whatever it cannot be built from
 */
export function createTokenizer(definition: string, file: string): LibraryTokenizer {
  const checked = parseTokenizer(definition, file);
  try {
    return new Tokenizer(checked, {});
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw unsupported(file, `no tokenizer can be built from it: ${reason}`, cause);
  }
}
