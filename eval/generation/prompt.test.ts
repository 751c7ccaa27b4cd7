import { describe, expect, it } from 'vitest';
import { byteLevel, sampleTokenizer, startOfText } from '../../testing/tokenizer-sample.ts';
import { Tokenizer } from '../model/tokenizer.ts';
import type { ChatTemplate } from './chat-template.ts';
import { preparePrompt, type PromptRequest } from './prompt.ts';

/** `<s>`, the sample's one special token, has this id. */
const SPECIAL = 264;
const tokenizer = new Tokenizer(JSON.stringify(sampleTokenizer(byteLevel, startOfText)), 265);

const templateOf = (source: string): ChatTemplate => ({
  file: 'chat_template.jinja',
  source,
  specialTokens: { bos_token: '<s>' },
});

const turns =
  "{% for m in messages %}{{ m.role[0] ~ ':' ~ m.content }}{{ '' if loop.last and add_generation_prompt else END }}{% endfor %}";

const prepare = (request: Partial<PromptRequest>): ReturnType<typeof preparePrompt> =>
  preparePrompt(tokenizer, { text: 'end', system: undefined, template: undefined, ...request });

describe('preparePrompt', () => {
  it('puts BOS before a text that no template takes', async () => {
    const { tokenIds, turnEnd } = await prepare({});
    expect(tokenizer.decode(tokenIds)).toBe('<s>end');
    expect(tokenIds[0]).toBe(SPECIAL);
    expect(turnEnd).toBeUndefined();
  });

  it('leaves BOS to the template', async () => {
    const template = templateOf('{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}{{ tools is none }}');
    const { tokenIds } = await prepare({ template });
    expect(tokenizer.decode(tokenIds)).toBe('<s>endtrue');
  });

  it.each([
    ['a special token', '<s>', SPECIAL],
    ['a special token after spaces', ' <s>\n', SPECIAL],
    ['text', '. <s>', undefined],
    ['nothing', '', undefined],
  ])('finds that the template ends turns of the model with %s', async (_, end, expected) => {
    const { turnEnd } = await prepare({ template: templateOf(turns.replace('END', JSON.stringify(end))) });
    expect(turnEnd).toBe(expected);
  });

  it('does without the end of a turn where the template takes no answers', async () => {
    const template = templateOf("{% if messages | length > 1 %}{{ raise_exception('no') }}{% endif %}the end");
    expect((await prepare({ template })).turnEnd).toBeUndefined();
    const silent = templateOf('{{ messages[0].content }}');
    expect((await prepare({ template: silent })).turnEnd).toBeUndefined();
  });

  it('gives the system message first', async () => {
    const { tokenIds } = await prepare({ system: 'the', template: templateOf(turns.replace('END', "','")) });
    expect(tokenizer.decode(tokenIds)).toBe('s:the,u:end');
  });

  it('refuses an empty prompt, an empty rendering, and a system message without a template', async () => {
    await expect(prepare({ text: '' })).rejects.toMatchObject({ code: 'E_PROMPT_EMPTY' });
    await expect(prepare({ template: templateOf('') })).rejects.toMatchObject({ code: 'E_PROMPT_EMPTY' });
    await expect(prepare({ system: 'Be brief.' })).rejects.toMatchObject({ code: 'E_NO_CHAT_TEMPLATE' });
    const strict = templateOf("{{ raise_exception('System role not supported') }}");
    await expect(prepare({ template: strict })).rejects.toThrow('System role not supported');
  });
});
