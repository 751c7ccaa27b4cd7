import { describe, expect, it } from 'vitest';
import type { PreparedText, Protocol } from '../perplexity/protocol.ts';
import { requireSameTokens, type NamedText } from './same-tokens.ts';

const protocol: Protocol = { name: 'gptq', ctx: 3, windows: 1, tokens: 3, scored: 2, bos: false, textSha256: 'ab' };

function textOf(name: string, ...windows: number[][]): NamedText {
  const text: PreparedText = {
    protocol,
    windows: windows.map((ids) => ({ tokenIds: Int32Array.from(ids), firstTarget: 1, weight: 1, units: 2 })),
  };
  return { name, text };
}

describe('requireSameTokens', () => {
  const first = textOf('a', [1, 2, 3], [4, 5]);

  it('takes texts of the same tokens', () => {
    expect(() => {
      requireSameTokens(first, textOf('b', [1, 2, 3], [4, 5]));
    }).not.toThrow();
  });

  it.each([
    [textOf('b', [1, 2, 3], [4, 6]), 'b reads the text as other tokens than a: 6 instead of 5 at 1 of window 1'],
    [textOf('b', [1, 2, 3], [4]), 'none instead of 5 at 1 of window 1'],
    [textOf('b', [1, 2, 3, 9], [4, 5]), '9 instead of none at 3 of window 0'],
    [textOf('b', [1, 2, 3], [4, 5], [6]), 'b reads the text as 3 windows, a as 2'],
    [textOf('b', [1, 2, 3]), 'none instead of 4 at 0 of window 1'],
  ])('refuses others', (other, message) => {
    expect(() => {
      requireSameTokens(first, other);
    }).toThrow(
      expect.objectContaining({ code: 'E_MODELS_DIFFER', message: expect.stringContaining(message) as string }),
    );
  });
});
