import { createHash } from 'node:crypto';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError, NotFoundError } from '../../quant/errors.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { loadText, parseTextSource, type LoadedText } from './load-text.ts';

function load(name: string, content: string | Uint8Array): LoadedText {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return loadText({ kind: 'file', path });
}

describe('loadText', () => {
  it('takes a text as it is, and hashes what it gives', () => {
    const text = 'Ünïcode\n\n  text 🤗 ';
    expect(load('a.txt', text)).toEqual({
      name: 'a.txt',
      text,
      sha256: createHash('sha256').update(text, 'utf8').digest('hex'),
      bytes: 23,
    });
  });

  it('gives one text for all line ends, with and without a byte order mark', () => {
    const plain = load('a.txt', 'a\nb\n\nc\n');
    expect(load('a.txt', '\ufeffa\r\nb\r\n\r\nc\r\n')).toEqual(plain);
    expect(load('A.TXT', 'a\rb\r\rc\r').text).toBe(plain.text);
  });

  it('joins the texts of JSON lines by blank lines', () => {
    const lines = '{"text": "one\\r\\n", "id": 1}\r\n\r\n{"id": 2, "text": "two"}\n';
    expect(load('a.jsonl', lines).text).toBe('one\r\n\n\ntwo');
  });

  it('makes the rows of the dataset out of a raw file of WikiText', () => {
    const raw = ' \n = Title = \n \n A sentence . \n Another . \n \n';
    expect(load('wiki.raw', raw).text).toBe('\n\n = Title = \n\n\n\n\n A sentence . \n\n\n Another . \n\n\n');
  });

  it('finds wikitext2 where it is told to', () => {
    const path = join(temporaryFolder(), 'wiki.test.raw');
    writeFileSync(path, ' \n = Title = \n');
    expect(loadText({ kind: 'wikitext2' }, { wikitext2Path: path })).toMatchObject({
      name: 'wikitext2',
      text: '\n\n = Title = \n',
    });
    expect(() => loadText({ kind: 'wikitext2' })).toThrow(NotFoundError);
    expect(() => loadText({ kind: 'wikitext2' }, { wikitext2Path: '' })).toThrow(/wikitext2 is not on this machine/);
  });

  it.each<[string, string, string | Uint8Array, RegExp]>([
    ['nothing', 'a.txt', '', /a.txt: the dataset holds no text/],
    ['blanks only', 'a.txt', ' \n\t', /a.txt: the dataset holds no text/],
    ['no lines', 'a.jsonl', '\n\n', /a.jsonl: the dataset holds no text/],
    [
      'bytes that are not UTF-8',
      'a.txt',
      Buffer.from('ok\nok\nb\xe4d\nok', 'latin1'),
      /a.txt: line 3 is not valid UTF-8/,
    ],
    ['a cut character at the end', 'a.txt', Buffer.of(0x61, 0x0a, 0xc3), /a.txt: line 2 is not valid UTF-8/],
    [
      'a line without text',
      'a.jsonl',
      '{"text":"a"}\n{"txt":"b"}',
      /a.jsonl, line 2: expected an object with a string/,
    ],
    ['a text of numbers', 'a.jsonl', '\n{"text":3}', /a.jsonl, line 2: expected an object with a string "text"/],
    ['a broken line', 'a.jsonl', '{"text":"a"}\n\n{"text":', /a.jsonl, line 3: /],
    [
      'another kind',
      'a.parquet',
      'PAR1',
      /a.parquet: datasets of kind ".parquet" are not supported; known: .txt, .jsonl/,
    ],
    ['no kind', 'README', 'text', /README: datasets of kind "" are not supported/],
  ])('refuses %s', (_, name, content, message) => {
    expect(() => load(name, content)).toThrow(InputError);
    expect(() => load(name, content)).toThrow(message);
  });

  it('refuses ten gigabytes before it reads them, and a file that is not there', () => {
    const path = join(temporaryFolder(), 'a.txt');
    expect(() => loadText({ kind: 'file', path })).toThrow(NotFoundError);
    writeFileSync(path, '');
    truncateSync(path, 10e9);
    expect(() => loadText({ kind: 'file', path })).toThrow(/a.txt: 10000000000 bytes are over the limit of 268435456/);
  });
});

describe('parseTextSource', () => {
  it('tells the known dataset from a file', () => {
    expect(parseTextSource('wikitext2')).toEqual({ kind: 'wikitext2' });
    expect(parseTextSource('./wikitext2')).toEqual({ kind: 'file', path: './wikitext2' });
  });
});
