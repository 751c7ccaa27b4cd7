import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packagePath } from '../../commands/package-path.ts';
import { render } from './jinja.ts';

interface GoldenTemplate {
  name: string;
  template: string;
  specialTokens: Record<string, string>;
  cases: { messages: object[]; add_generation_prompt: boolean; text?: string; error?: string }[];
}

/** By transformers: fixtures/generation/make_chat.py. */
const golden = JSON.parse(readFileSync(packagePath('fixtures/generation/chat.json'), 'utf8')) as GoldenTemplate[];

/** The time that the golden texts were written at, in local time. */
const now = new Date(2026, 2, 7, 14, 5, 9);

describe('render', () => {
  it.each(golden)('writes conversations as transformers does, by the template of $name', (model) => {
    const { template, specialTokens, cases } = model;
    for (const { text, error, ...variables } of cases) {
      const write = (): string =>
        render(template, { ...specialTokens, ...variables, tools: null, documents: null }, now);
      if (error === undefined) expect(write()).toBe(text);
      else expect(write).toThrow(error);
    }
  });

  it.each([
    ['range(5)', '0,1,2,3,4'],
    ['range(2, 5)', '2,3,4'],
    ['range(5, 2)', ''],
    ['range(7, 0, -3)', '7,4,1'],
    ['range(0, 7, 3)', '0,3,6'],
  ])('%s is that of Python', (range, expected) => {
    expect(render(`{{ ${range} | join(',') }}`, {}, now)).toBe(expected);
  });

  it.each([
    ['range(10000000)', 'range() of 10000000 numbers is longer than 10000'],
    ['range(-1000000000000, 9, 2)', 'is longer than 10000'],
    ['range(0, 9, 0)', 'step must not be zero'],
    ["range('9')", 'range() takes one to three integers'],
    ['range()', 'range() takes one to three integers'],
    ['range(1, 2, 3, 4)', 'range() takes one to three integers'],
  ])('refuses %s', (range, message) => {
    expect(() => render(`{{ ${range} | length }}`, {}, now)).toThrow(message);
  });

  it('keeps what it does not know of a date', () => {
    expect(render("{{ strftime_now('%Q %') }}", {}, now)).toBe('%Q %');
  });
});
