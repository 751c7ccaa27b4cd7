import { InputError } from '../../quant/errors.ts';
import type { Window } from './protocol.ts';

export interface WindowOptions {
  ctx: number;
  /** At most so many windows, from the start. */
  samples?: number | undefined;
}

/**
 * Protocol "gptq" (GPTQ, SmoothQuant and AWQ): the tokens of the whole text cut into disjoint windows, what is left at
 * the end dropped. Each window scores its tokens but the first, `ctx - 1` targets.
 *
 * @throws InputError `E_TOO_FEW_TOKENS` if not one window can be filled
 */
export function gptqWindows(tokenIds: Int32Array, options: WindowOptions): Window[] {
  return disjoint(tokenIds, options).map((ids) => window(ids, 1));
}

/**
 * Protocol "llama.cpp" (llama-perplexity): disjoint windows, in each of which a BOS takes the place of the first token,
 * and the positions from `ctx / 2` on predict the token after them: 255 targets of 512 tokens. The last position
 * predicts nothing, as its next token belongs to the next window.
 *
 * @param bosId none for tokenizers that put nothing before a text
 * @throws InputError `E_TOO_FEW_TOKENS` if not one window can be filled
 */
export function llamaCppWindows(tokenIds: Int32Array, bosId: number | undefined, options: WindowOptions): Window[] {
  const firstTarget = Math.floor(options.ctx / 2) + 1;
  return disjoint(tokenIds, options).map((ids) => window(bosId === undefined ? ids : ids.with(0, bosId), firstTarget));
}

/**
 * Protocol "stride" (documentation of transformers, "Perplexity of fixed-length models"): windows of at most `ctx`
 * tokens that start every `stride` tokens, up to the one that reaches the end. Each scores the tokens that no earlier one
 * held. The code there multiplies the mean loss of a window by its new tokens less one, although only the first window
 * has a token that is not scored; the weight makes that so.
 *
 * @throws InputError `E_TOO_FEW_TOKENS` if the text has not two tokens
 */
export function strideWindows(tokenIds: Int32Array, options: StrideOptions): Window[] {
  requireTokens(tokenIds.length, 2);
  return Array.from(strideSpans(tokenIds.length, options), ({ begin, end, targets, weight, units }) => {
    return { tokenIds: tokenIds.subarray(begin, end), firstTarget: end - begin - targets, weight, units };
  });
}

export interface StrideOptions extends WindowOptions {
  stride: number;
}

/** A window of `strideWindows` by the positions of its tokens. */
export interface StrideSpan {
  begin: number;
  end: number;
  /** Tokens that are scored: the last ones. */
  targets: number;
  weight: number;
  units: number;
}

/** The windows of `strideWindows` over a text of so many tokens. */
export function* strideSpans(
  tokens: number,
  { ctx, stride, samples = Infinity }: StrideOptions,
): Generator<StrideSpan, void> {
  for (let begin = 0, seen = 0, cut = 0; seen < tokens && cut < samples; begin += stride) {
    const end = Math.min(begin + ctx, tokens);
    const units = end - seen - 1;
    const targets = end - begin - Math.max(1, seen - begin);
    // A last token by itself, where windows do not overlap, cannot be scored.
    if (targets > 0) {
      yield { begin, end, targets, weight: units / targets, units };
      cut++;
    }
    seen = end;
  }
}

/** @throws InputError `E_TOO_FEW_TOKENS` */
export function requireTokens(found: number, needed: number): void {
  if (found >= needed) return;
  throw new InputError(`the text has ${found} tokens, but a window needs ${needed}`, {
    code: 'E_TOO_FEW_TOKENS',
    hint: found < 2 ? 'give a longer text' : `give a longer text, or --ctx ${found} or less`,
    details: { needed, found },
  });
}

/** Views of `ctx` tokens each. */
function disjoint(tokenIds: Int32Array, { ctx, samples = Infinity }: WindowOptions): Int32Array[] {
  requireTokens(tokenIds.length, ctx);
  const count = Math.min(Math.floor(tokenIds.length / ctx), samples);
  return Array.from({ length: count }, (_, index) => tokenIds.subarray(index * ctx, (index + 1) * ctx));
}

function window(tokenIds: Int32Array, firstTarget: number): Window {
  return { tokenIds, firstTarget, weight: 1, units: tokenIds.length - firstTarget };
}
