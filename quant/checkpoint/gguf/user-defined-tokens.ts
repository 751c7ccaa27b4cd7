import { quoted } from '../quoted.ts';
import type { GgufMetadata } from './metadata.ts';
import { failTokenizer, type AddedToken, type Vocabulary } from './vocabulary.ts';

/** What stands for a space in sentencepiece's vocabularies. */
export const SPACE = '▁';

/**
 * The tokens of a sentencepiece vocabulary that users have defined, as they stand in normalized text.
 *
 * Sentencepiece takes the longest of them at each place of the normalized text before it merges anything, and merges
 * none with its neighbours: runs of spaces and of line ends, HTML tags. A tokenizer.json says the same by an added token
 * that is matched in normalized text. Their scores mean nothing, and converters overwrite them; they write spaces for
 * what normalization makes of them.
 *
 * @param hasPrefix whether a space is put before a text
 * @throws InputError `E_GGUF_TOKENIZER` where there is one and a prefix: sentencepiece puts it before the whole text
 *   only, llama.cpp before what follows such a token too, and the file does not tell which of them the model knows
 */
export function userDefinedTokens(
  metadata: GgufMetadata,
  { normal, added, bytes }: Vocabulary,
  hasPrefix: boolean,
): AddedToken[] {
  const defined = added.filter(({ isSpecial }) => !isSpecial);
  const others = new Set([...normal.keys(), ...bytes.keys()]);
  for (const { content, isSpecial } of added) if (isSpecial) others.add(content);
  return defined.map((token) => {
    const content = token.content.replaceAll(' ', SPACE);
    const name = `token ${token.id}, ${quoted(token.content)}, is defined by a user`;
    if (hasPrefix)
      failTokenizer(metadata, `${name}, and whether a space is put behind it as before a text is not told`);
    if (others.has(content)) failTokenizer(metadata, `${name}, and in normalized text it is another token`);
    others.add(content);
    return { ...token, content };
  });
}
