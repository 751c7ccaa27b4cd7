import { describe, expect, it } from 'vitest';
import { InputError, UsageError } from '../../quant/errors.ts';
import { maxNewTokens } from './context.ts';

const request = { promptTokens: 100, maxTokens: undefined, ctx: undefined };

describe('maxNewTokens', () => {
  it('is 256, or what there is room for, or what is wanted', () => {
    expect(maxNewTokens(request, 8192)).toBe(256);
    expect(maxNewTokens(request, 200)).toBe(100);
    expect(maxNewTokens({ ...request, ctx: 101 }, 200)).toBe(1);
    expect(maxNewTokens({ ...request, maxTokens: 1000 }, 8192)).toBe(1000);
    expect(maxNewTokens({ ...request, maxTokens: 100 }, 200)).toBe(100);
  });

  it('refuses what does not fit, with the numbers', () => {
    const refused = (changes: object, limit: number): unknown => {
      try {
        return maxNewTokens({ ...request, ...changes }, limit);
      } catch (error) {
        return error;
      }
    };
    const cases: [object, number, typeof UsageError, string, RegExp][] = [
      [{ ctx: 201 }, 200, UsageError, 'E_CTX_TOO_LARGE', /--ctx 201: .* at most 200 positions/],
      [{}, 100, InputError, 'E_PROMPT_TOO_LONG', /the prompt has 100 tokens, .* a context of 100/],
      [{ ctx: 50 }, 200, InputError, 'E_PROMPT_TOO_LONG', /a context of 50/],
      [{ maxTokens: 101 }, 200, UsageError, 'E_MAX_TOKENS_TOO_LARGE', /--max-tokens 101: .* room for 100/],
    ];
    for (const [changes, limit, type, code, message] of cases) {
      const error = refused(changes, limit);
      expect(error).toBeInstanceOf(type);
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string });
    }
  });
});
