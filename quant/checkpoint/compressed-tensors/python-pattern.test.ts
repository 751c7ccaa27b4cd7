import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFixture } from './checkpoint.test.samples.ts';
import { BudgetExceededError } from './position-sets.ts';
import { PatternError, PythonPattern } from './python-pattern.ts';

const matches = (pattern: string, text: string): boolean =>
  new PythonPattern(pattern).matchesStartOf(text, { steps: 100_000 });

const depth = fc.createDepthIdentifier();
const limits = { depthIdentifier: depth, maxDepth: 3, withCrossShrink: true };

/** Patterns that mean the same to JavaScript. */
const { pattern: patterns } = fc.letrec<{ pattern: string; part: string; atom: string }>((tie) => ({
  pattern: fc
    .array(fc.array(tie('part'), { maxLength: 4 }), { minLength: 1, maxLength: 2 })
    .map((alternatives) => alternatives.map((parts) => parts.join('')).join('|')),
  part: fc.oneof(
    limits,
    { weight: 4, arbitrary: tie('atom') },
    {
      weight: 2,
      arbitrary: fc
        .tuple(tie('atom'), fc.constantFrom('*', '+', '?', '*?', '+?', '{2}', '{1,2}', '{0,}', '{2,3}?'))
        .map(([atom, quantifier]) => atom + quantifier),
    },
    { weight: 1, arbitrary: fc.constantFrom('^', '$', '\\b', '\\B') },
    { weight: 1, arbitrary: tie('pattern').map((inner) => `(?=${inner})`) },
    { weight: 1, arbitrary: tie('pattern').map((inner) => `(?!${inner})`) },
  ),
  atom: fc.oneof(
    limits,
    {
      weight: 4,
      arbitrary: fc.constantFrom('a', 'b', '_', '\\.', '.', '\\d', '\\w', '\\W', '[ab]', '[^a.]', '[0-9_]', '[\\d.-]'),
    },
    { weight: 1, arbitrary: tie('pattern').map((inner) => `(${inner})`) },
    { weight: 1, arbitrary: tie('pattern').map((inner) => `(?:${inner})`) },
  ),
}));

interface PatternsFixture {
  names: string[];
  matches: Record<string, string[]>;
}

describe('PythonPattern', () => {
  it('finds what JavaScript finds, where both read a pattern alike', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '_', '.', '1'), maxLength: 8 });
    fc.assert(
      fc.property(patterns, text, (pattern, subject) => {
        expect(matches(pattern, subject)).toBe(new RegExp(`^(?:${pattern})`).test(subject));
      }),
      { numRuns: 3000 },
    );
  });

  it('finds what Python finds', () => {
    const { names, matches: expected } = readFixture('patterns.json') as PatternsFixture;
    for (const [pattern, matched] of Object.entries(expected)) {
      expect([pattern, names.filter((name) => matches(pattern, name))]).toEqual([pattern, matched]);
    }
  });

  it.each([
    ['.*lm_head', 'lm_head', true],
    ['lm_head', 'lm_head.extra', true],
    ['head', 'lm_head', false],
    ['.*mlp\\.gate$', 'model.layers.0.mlp.gate_proj', false],
    ['model\\.layers\\.(?:0|1|1[0-9])\\..*', 'model.layers.17.mlp.up_proj', true],
    ['^(?!.*(?:q|k)_proj).*$', 'model.layers.0.self_attn.k_proj', false],
    ['.*layers\\.[5-9].*', 'model.layers.4.mlp.up_proj', false],
    ['', 'anything', true],
    ['\\Amodel\\.norm\\Z', 'model.norm', true],
  ])('reads %j on %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  it.each([
    ['(a)\\1', '"\\1" is not read'],
    ['(?P<n>a)', '"(?P" is not read'],
    ['(?i)a', '"(?i" is not read'],
    ['(?<=a)b', '"(?<" is not read'],
    ['(?>a)', '"(?>" is not read'],
    ['a**', 'a repetition follows a repetition'],
    ['a++', 'a repetition follows a repetition'],
    ['*a', '"*" stands alone'],
    ['a{,3}', '"{" stands alone'],
    ['a{2', '"{" stands alone'],
    ['a{3,2}', '{3,2} ends before it starts'],
    ['^*', 'an anchor or a lookahead is repeated'],
    ['(a', 'a group is not closed'],
    ['a)', '")" closes no group'],
    ['[a', 'a set is not closed'],
    ['[]', 'a set is empty'],
    ['[]a]', 'a set is empty'],
    ['[a[b]', '"[" stands in a set'],
    ['[b-a]', 'a range in a set has no order'],
    ['[\\d-z]', 'a range in a set has no order'],
    ['a\\', '"\\" ends it'],
    ['\\p', '"\\p" is not read'],
    ['('.repeat(33), 'groups are nested deeper than 32'],
    ['a'.repeat(4097), '4097 characters are over the limit of 4096'],
  ])('refuses %s', (pattern, reason) => {
    expect(() => new PythonPattern(pattern)).toThrow(PatternError);
    expect(() => new PythonPattern(pattern)).toThrow(reason);
  });

  it('takes the time that it is given at most, also for patterns that make others run for ever', () => {
    const name = `${'a'.repeat(60)}!`;
    expect(matches('(?:(?:a*)*)*b', name)).toBe(false);
    expect(matches('(?:a|aa)+b', name)).toBe(false);
    expect(matches('(?:(?:(?:a{0,999}){0,999}){0,999}){999}b', name)).toBe(false);
    expect(() => matches('(?=(?=(?=.*)*.*)*.*)*', name)).toThrow(PatternError);
    expect(() => new PythonPattern('(?:.*.*.*)*(?=.*b)').matchesStartOf(name, { steps: 100 })).toThrow(
      BudgetExceededError,
    );
  });
});
