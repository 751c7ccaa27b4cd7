import { InputError } from '../../quant/errors.ts';

/**
 * Protocol "gptq" (GPTQ, SmoothQuant and AWQ): the tokens of the whole text cut into disjoint windows of `ctx`, what
 * is left at the end dropped. Each window scores its tokens but the first, `ctx - 1` targets. The windows are views.
 *
 * @param samples at most so many windows, from the start
 * @throws InputError `E_TOO_FEW_TOKENS` if not one window can be filled
 */
export function windows(tokenIds: Int32Array, ctx: number, samples?: number): Int32Array[] {
  if (!Number.isInteger(ctx) || ctx < 2) throw new RangeError(`a window of ${ctx} tokens scores nothing`);
  const count = Math.min(Math.floor(tokenIds.length / ctx), samples ?? Infinity);
  if (count < 1) {
    throw new InputError(`the text has ${tokenIds.length} tokens, but a window needs ${ctx}`, {
      code: 'E_TOO_FEW_TOKENS',
      hint: `give a longer text, or --ctx ${Math.max(2, tokenIds.length)} or less`,
      details: { needed: ctx, found: tokenIds.length },
    });
  }
  return Array.from({ length: count }, (_, window) => tokenIds.subarray(window * ctx, (window + 1) * ctx));
}
