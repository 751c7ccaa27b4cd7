import { render } from '../../eval/generation/jinja.ts';
import { textMutator } from '../mutate/text-mutator.ts';
import type { Target } from '../target.ts';
import { InputError } from '../../quant/errors.ts';
import { fileOf } from './file-of.ts';

const FILE = 'chat_template.jinja';

/** Pieces of Jinja, and what is dear. */
export const jinjaWords: readonly string[] = [
  '{{', '}}', '{%', '%}', '{%- ', ' -%}', '{#', '#}', 'for', 'in', 'endfor', 'if', 'else', 'elif', 'endif', 'set',
  'endset', 'macro', 'endmacro', 'filter', 'endfilter', 'break', 'continue', 'range(10000)', 'range(1e9)', 'messages',
  'message', 'loop.index', 'namespace(x=1)', '| tojson', '| length', '| trim', '| upper', '| join', '| safe', '| list',
  '| replace("a","aaaaaaaaaa")', '* 1000', '~', '+', '["a"]', '.a', '.constructor', '.__proto__', '[::-1]', '[-1]',
  '[1:999999999]', 'raise_exception("x")', 'strftime_now("%Y")', 'true', 'none', '1e999', '-1', '""', 'is defined',
  'is string', 'not', 'and', 'or', '.split(" ")', '.strip()', '.items()', '.get("a")', 'dict()', '(', ')', '[', ']',
]; // prettier-ignore

export const conversation: object = {
  messages: [
    { role: 'system', content: 'Answer.' },
    { role: 'user', content: 'Hello <s> {{ x }}' },
  ],
  add_generation_prompt: true,
  bos_token: '<s>',
  tools: null,
  documents: null,
};

/** The renderer of chat templates, in the worker itself; `template-child` is the same as users get it. */
export const template: Target = {
  name: 'template',
  files: { [FILE]: textMutator(jinjaWords) },
  run: (input, limited) => {
    const source = Buffer.from(fileOf(input, FILE)).toString();
    limited(() => {
      try {
        render(source, { ...conversation }, new Date(0));
      } catch (error) {
        // Its process gives any error back as the reason for one typed refusal.
        throw error instanceof Error ? new InputError(error.message, { code: 'E_CHAT_TEMPLATE_FAILED' }) : error;
      }
    });
  },
};
