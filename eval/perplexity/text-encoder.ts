import type { ModelDocuments } from '../../quant/checkpoint/stored-model.ts';
import { readTokenizerConfig, specialToken } from '../model/tokenizer-config.ts';
import type { Tokenizer } from '../model/tokenizer.ts';

/** What the protocols need of a tokenizer. */
export interface TextEncoder {
  /** What the tokenizer puts before a text. */
  readonly prefixIds: readonly number[];
  /** What stands before a page: the BOS, or the EOS of a tokenizer that has no BOS. None if it has neither. */
  readonly start?: StartToken | undefined;
  /** Ids of each text, without special tokens. */
  encodeAll(texts: readonly string[]): Promise<Int32Array[]>;
}

export interface StartToken {
  id: number;
  isBos: boolean;
}

/**
 * The tokenizer of a model, with the special tokens that its tokenizer_config.json names.
 *
 * @throws InputError as `readTokenizerConfig`
 */
export function textEncoder(documents: ModelDocuments, tokenizer: Tokenizer): TextEncoder {
  const config = readTokenizerConfig(documents);
  const idOf = (name: 'bos_token' | 'eos_token'): number | undefined => {
    const token = specialToken(config, name);
    return token === undefined ? undefined : tokenizer.specialTokenAt(token);
  };
  const [bos, eos] = [idOf('bos_token'), idOf('eos_token')];
  const id = bos ?? eos;
  return {
    prefixIds: tokenizer.prefixIds,
    start: id === undefined ? undefined : { id, isBos: bos !== undefined },
    encodeAll: (texts) => tokenizer.encodeAll(texts),
  };
}

/** Ids of a whole text, after what the tokenizer puts before one. @throws InputError as `Tokenizer.encodeAll` */
export async function encodeWithPrefix(
  text: string,
  encoder: Pick<TextEncoder, 'prefixIds' | 'encodeAll'>,
): Promise<Int32Array> {
  const { prefixIds } = encoder;
  const [ids] = await encoder.encodeAll([text]);
  const tokenIds = new Int32Array(prefixIds.length + ids.length);
  tokenIds.set(prefixIds);
  tokenIds.set(ids, prefixIds.length);
  return tokenIds;
}
