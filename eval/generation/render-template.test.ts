import { describe, expect, it } from 'vitest';
import { InputError } from '../../quant/errors.ts';
import { renderTemplate } from './render-template.ts';

const render = (source: string, variables: Record<string, unknown> = {}): Promise<string> =>
  renderTemplate({ file: 'tokenizer_config.json', source, specialTokens: { bos_token: '<s>' } }, variables);

const double = (value: string, times: number): string => `{% set a = ${value} %}${'{% set a = a + a %}'.repeat(times)}`;

describe('renderTemplate', () => {
  it('gives the text, with special tokens by name and the time of day', async () => {
    const text = await render('{{ bos_token }}{{ name }} {{ strftime_now("%Y") | length }}', { name: '天空 \u2028 "' });
    expect(text).toBe('<s>天空 \u2028 " 4');
  });

  it.each([
    ['many numbers', '{% for i in range(10000000) %}{% endfor %}', /range\(\) of 10000000 numbers is longer/],
    ['nested loops', '{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}', /within 2 s/],
    ['a macro that calls itself', '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}', /call stack|not a function/],
    ['brackets in brackets', `{{ ${'('.repeat(50_000)} }}`, /call stack/],
    ['lists that double', `${double('range(10000)', 20)}{{ a | length }}`, /128 MB|within 2 s/],
    ['a string that doubles', `${double("'xxxxxxxxxxxxxxxx'", 24)}{{ a | upper | length }}`, /128 MB|within 2 s/],
    ['a string that doubles for ever', double("'xxxxxxxxxxxxxxxx'", 40), /Invalid string length/],
    ['wide indents', "{{ 'a\nb' | indent(500000000, true) | upper | length }}", /128 MB|within 2 s|string length/],
    [
      'objects in objects',
      `{% set a = {} %}${"{% set a = {'a': a, 'b': a} %}".repeat(30)}{{ a | tojson }}`,
      /128 MB|within 2 s/,
    ],
    ['a long text', `${double("'xxxxxxxxxxxxxxxx'", 19)}{{ a }}`, /it makes 8388608 characters, more than 4194304/],
    ['a long complaint', `{{ raise_exception('${'y'.repeat(5000)}') }}`, /cannot be used: .{1,300}$/],
    ['its own exception', "{{ raise_exception('no system role') }}", /cannot be used: no system role$/],
    [
      'a way out',
      "{{ ''.constructor.constructor('return process')() }}",
      /Cannot call something that is not a function/,
    ],
    ['no end', '{% for m in messages %}', /cannot be used: /],
    ['an unknown filter', "{{ 'a' | launder }}", /Unknown StringValue filter: launder/],
  ])('refuses %s, and goes on', async (_, source, message) => {
    const attempt = render(source, { messages: [] });
    await expect(attempt).rejects.toThrow(InputError);
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ code: 'E_CHAT_TEMPLATE_FAILED' });
  });

  it('renders several at once', async () => {
    expect(await Promise.all(['a', 'b'].map((text) => render(`{{ '${text}' }}`)))).toEqual(['a', 'b']);
  });
});
