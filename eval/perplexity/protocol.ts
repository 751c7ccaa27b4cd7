import { windows } from './windows.ts';

/** What a perplexity must be quoted with; values under different protocols cannot be compared. */
export interface Protocol {
  name: 'gptq';
  /** Tokens a window. */
  ctx: number;
  /** Windows scored. */
  windows: number;
  /** Tokens of the whole text, BOS included, whether or not they are in a window. */
  tokens: number;
  /** Whether the text starts with a BOS. No window has one of its own. */
  bos: boolean;
  /** Of the text in UTF-8. */
  textSha256: string;
}

export interface ProtocolOptions {
  ctx: number;
  /** At most so many windows. */
  samples?: number | undefined;
}

/** A text that is ready to be scored. */
export interface PreparedText {
  protocol: Protocol;
  /** `[windows][ctx]` token ids. */
  windows: readonly Int32Array[];
}

/**
 * Cuts an encoded text by protocol "gptq": it is encoded once as a whole, with a BOS at position 0 only, and only if
 * the tokenizer's post-processor adds one.
 *
 * @param textIds of the whole text, without special tokens
 * @param prefixIds what the tokenizer puts before a text
 * @throws InputError `E_TOO_FEW_TOKENS`
 */
export function prepareText(
  textIds: Int32Array,
  prefixIds: readonly number[],
  textSha256: string,
  { ctx, samples }: ProtocolOptions,
): PreparedText {
  const ids = new Int32Array(prefixIds.length + textIds.length);
  ids.set(prefixIds);
  ids.set(textIds, prefixIds.length);
  const cut = windows(ids, ctx, samples);
  const bos = prefixIds.length > 0;
  return {
    windows: cut,
    protocol: { name: 'gptq', ctx, windows: cut.length, tokens: ids.length, bos, textSha256 },
  };
}
