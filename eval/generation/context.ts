import { InputError, UsageError } from '../../quant/errors.ts';

export interface ContextRequest {
  promptTokens: number;
  /** As the user wants them, if he says so. */
  maxTokens: number | undefined;
  /** Tokens of prompt and text together; not given: as many as the model was made for. */
  ctx: number | undefined;
}

const DEFAULT_MAX_TOKENS = 256;

/**
 * How many new tokens may follow a prompt.
 *
 * @param limit positions that the model was made for
 * @throws UsageError `E_CTX_TOO_LARGE`, `E_MAX_TOKENS_TOO_LARGE`; InputError `E_PROMPT_TOO_LONG`
 */
export function maxNewTokens({ promptTokens, maxTokens, ctx: wanted }: ContextRequest, limit: number): number {
  const ctx = wanted ?? limit;
  if (ctx > limit) {
    throw new UsageError(`--ctx ${ctx}: the model was made for at most ${limit} positions`, {
      code: 'E_CTX_TOO_LARGE',
      hint: `use --ctx ${limit} or less`,
      details: { value: ctx, limit },
    });
  }
  const room = ctx - promptTokens;
  if (room < 1) {
    throw new InputError(`the prompt has ${promptTokens} tokens, which leaves no room in a context of ${ctx}`, {
      code: 'E_PROMPT_TOO_LONG',
      hint: ctx < limit ? `the model takes --ctx ${limit}` : 'shorten it; the model takes no more',
      details: { tokens: promptTokens, limit: ctx },
    });
  }
  if (maxTokens !== undefined && maxTokens > room) {
    throw new UsageError(
      `--max-tokens ${maxTokens}: after a prompt of ${promptTokens} tokens a context of ${ctx} has room for ${room}`,
      {
        code: 'E_MAX_TOKENS_TOO_LARGE',
        hint: `use --max-tokens ${room} or less`,
        details: { value: maxTokens, limit: room },
      },
    );
  }
  return maxTokens ?? Math.min(DEFAULT_MAX_TOKENS, room);
}
