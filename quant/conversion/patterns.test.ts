import { describe, expect, it } from 'vitest';
import { compilePatterns } from './patterns.ts';

const matches = (pattern: string, path: string): boolean => compilePatterns([pattern])[0].matches(path);

describe('compilePatterns', () => {
  it.each([
    ['lm_head', 'lm_head', true],
    ['lm_head', 'model.lm_head', true],
    ['lm_head', 'xlm_head', false],
    ['down_proj', 'model.layers.3.mlp.down_proj', true],
    ['mlp.down_proj', 'model.layers.3.mlp.down_proj', true],
    ['layers.0.*', 'model.layers.0.mlp.down_proj', true],
    ['layers.0.*', 'model.layers.10.mlp.down_proj', false],
    ['*.q_proj', 'model.layers.3.self_attn.q_proj', true],
    ['q.proj', 'model.layers.3.self_attn.q_proj', false],
    ['re:.*self_attn', 'model.layers.3.self_attn.q_proj', true],
    ['re:self_attn', 'model.layers.3.self_attn.q_proj', false],
  ])('%s on %s: %s', (pattern, path, expected) => {
    expect(matches(pattern, path)).toBe(expected);
  });

  it('refuses a broken expression by name', () => {
    expect(() => compilePatterns(['re:('])).toThrow(/re:\(: not a regular expression/);
  });
});
