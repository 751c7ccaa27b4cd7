import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderDocuments } from '../../quant/checkpoint/folder-documents.ts';
import { InputError } from '../../quant/errors.ts';
import { nodeFileSystem } from '../../quant/file-system.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { MAX_TEMPLATE_BYTES, readChatTemplate, type ChatTemplate } from './chat-template.ts';

function folderWith(files: Record<string, unknown>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

const templateOf = (folder: string): ChatTemplate | undefined =>
  readChatTemplate(folderDocuments(folder, nodeFileSystem));

const inConfig = (template: unknown): string => folderWith({ 'tokenizer_config.json': { chat_template: template } });

describe('readChatTemplate', () => {
  it('finds none', () => {
    expect(templateOf(temporaryFolder())).toBeUndefined();
    expect(templateOf(folderWith({ 'tokenizer_config.json': {} }))).toBeUndefined();
    expect(templateOf(inConfig(null))).toBeUndefined();
  });

  it('reads one, with the special tokens that are strings or objects', () => {
    const config = {
      chat_template: '{{ bos_token }}',
      bos_token: { content: '<s>', lstrip: false },
      eos_token: '</s>',
      pad_token: null,
      model_max_length: 1e30,
    };
    const text = JSON.stringify(config).replace('1e+30', '1000000000000000019884624838656');
    expect(templateOf(folderWith({ 'tokenizer_config.json': text }))).toEqual({
      file: 'tokenizer_config.json',
      source: '{{ bos_token }}',
      specialTokens: { bos_token: '<s>', eos_token: '</s>' },
    });
  });

  it('takes the default of several', () => {
    const templates = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: 'talk' },
    ];
    expect(templateOf(inConfig(templates))?.source).toBe('talk');
  });

  it('prefers a file of its own, and takes that of a processor last', () => {
    const files = {
      'tokenizer_config.json': { chat_template: 'config', bos_token: '<s>' },
      'chat_template.json': { chat_template: 'json' },
    };
    const own = { ...files, 'chat_template.jinja': 'jinja ä' };
    expect(templateOf(folderWith(own))).toMatchObject({
      file: 'chat_template.jinja',
      source: 'jinja ä',
      specialTokens: { bos_token: '<s>' },
    });
    expect(templateOf(folderWith(files))?.source).toBe('config');
    const legacy = { ...files, 'tokenizer_config.json': {} };
    expect(templateOf(folderWith(legacy))?.source).toBe('json');
  });

  it.each([
    ['a number', inConfig, 7, /neither a string nor a list/],
    ['a list without a default', inConfig, [{ name: 'rag', template: '' }], /no template that is named "default"/],
    [
      'a default without a template',
      inConfig,
      [{ name: 'default', template: 7 }],
      /no template that is named "default"/,
    ],
    ['a vast one', inConfig, 'ä'.repeat(MAX_TEMPLATE_BYTES / 2 + 1), /longer than 1048576 bytes/],
  ])('refuses %s', (_, folderOf, template, message) => {
    const folder = folderOf(template);
    expect(() => templateOf(folder)).toThrow(InputError);
    expect(() => templateOf(folder)).toThrow(message);
  });

  it('refuses files that are no JSON object, no UTF-8, or too large', () => {
    expect(() => templateOf(folderWith({ 'tokenizer_config.json': '[]' }))).toThrow('expected a JSON object');
    expect(() => templateOf(folderWith({ 'tokenizer_config.json': '{' }))).toThrow(InputError);
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'chat_template.jinja'), Uint8Array.of(0xff));
    expect(() => templateOf(folder)).toThrow('chat_template.jinja: not valid UTF-8');
    writeFileSync(join(folder, 'chat_template.jinja'), 'x'.repeat(MAX_TEMPLATE_BYTES + 1));
    expect(() => templateOf(folder)).toThrow('over the limit of 1048576');
  });
});
