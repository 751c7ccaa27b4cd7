import { InputError } from '../../quant/errors.ts';
import type { PreparedText } from '../perplexity/protocol.ts';

/** A text as a model reads it. */
export interface NamedText {
  /** Of the model. */
  name: string;
  text: PreparedText;
}

/**
 * Refuses models that read other tokens. Tokenizers of one model may be written differently: one that was made of the
 * metadata of a GGUF file is not the file that the model was published with.
 *
 * @throws InputError `E_MODELS_DIFFER`, naming the first token that differs
 */
export function requireSameTokens(first: NamedText, other: NamedText): void {
  const [expected, found] = [first, other].map(({ text }) => text.windows);
  for (const [window, { tokenIds }] of expected.entries()) {
    const others = found.at(window)?.tokenIds ?? new Int32Array(0);
    const at = tokenIds.findIndex((id, index) => id !== others.at(index));
    if (at === -1 && tokenIds.length === others.length) continue;
    const position = at === -1 ? tokenIds.length : at;
    const [id, otherId] = [tokenIds, others].map((ids) => ids.at(position) ?? 'none');
    throw new InputError(
      `${other.name} reads the text as other tokens than ${first.name}: ${otherId} instead of ${id} at ${position} of window ${window}`,
      {
        code: 'E_MODELS_DIFFER',
        hint: 'compare checkpoints of one model',
        details: { model: other.name, baseline: first.name, window, position, value: otherId, expected: id },
      },
    );
  }
  if (expected.length === found.length) return;
  throw new InputError(`${other.name} reads the text as ${found.length} windows, ${first.name} as ${expected.length}`, {
    code: 'E_MODELS_DIFFER',
    hint: 'compare checkpoints of one model',
    details: { model: other.name, baseline: first.name, value: found.length, expected: expected.length },
  });
}
