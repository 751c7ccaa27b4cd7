import { quoted } from '../quoted.ts';
import { byteLevelTokenizer } from './byte-level-tokenizer.ts';
import { failGguf } from './failure.ts';
import type { GgufMetadata } from './metadata.ts';
import { sentencePieceTokenizer } from './sentencepiece-tokenizer.ts';
import { TOKENIZER_HINT } from './vocabulary.ts';

const MODEL = 'tokenizer.ggml.model';

const makers: Readonly<Record<string, (metadata: GgufMetadata) => object>> = {
  gpt2: byteLevelTokenizer,
  llama: sentencePieceTokenizer,
};

/** Whether the file holds a tokenizer at all, of whatever kind. */
export function hasTokenizer(metadata: GgufMetadata): boolean {
  return !['none', 'no_vocab', undefined].includes(metadata.string(MODEL));
}

/**
 * tokenizer.json, such that a text gets the ids that it gets from the tokenizer that the file was made from.
 *
 * @throws InputError `E_GGUF_TOKENIZER` for what cannot be rebuilt, `E_GGUF_KEY`, `E_GGUF_KEY_MISSING`
 */
export function tokenizerDocument(metadata: GgufMetadata): object {
  const model = metadata.string(MODEL) ?? '';
  if (Object.hasOwn(makers, model)) return makers[model](metadata);
  return failGguf(
    metadata.file,
    'E_GGUF_TOKENIZER',
    `its tokenizer is of kind ${quoted(model)}, which is not read; known: ${Object.keys(makers).join(', ')}`,
    { key: MODEL, value: model },
    TOKENIZER_HINT,
  );
}
