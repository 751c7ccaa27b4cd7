import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packagePath } from '../../commands/package-path.ts';
import { InputError, NotFoundError } from '../../quant/errors.ts';
import { testHub } from '../../testing/hub-client.ts';
import { startHubServer } from '../../testing/hub-server.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { loadText, parseTextSource, type LoadedText } from './load-text.ts';

function load(name: string, content: string | Uint8Array): Promise<LoadedText> {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return loadText({ kind: 'file', path });
}

const parquet = readFileSync(packagePath('fixtures/parquet/snappy.parquet'));
const sentence = ' A sentence , with a ” quote . \n';
const parquetText = `\n\n = Title = \n\n\n\n\n${sentence}\n\n${sentence}`;

describe('loadText', () => {
  it('takes a text as it is, and hashes what it gives', async () => {
    const text = 'Ünïcode\n\n  text 🤗 ';
    await expect(load('a.txt', text)).resolves.toEqual({
      name: 'a.txt',
      text,
      sha256: createHash('sha256').update(text, 'utf8').digest('hex'),
      bytes: 23,
    });
  });

  it('gives one text for all line ends, with and without a byte order mark', async () => {
    const plain = await load('a.txt', 'a\nb\n\nc\n');
    await expect(load('a.txt', '\ufeffa\r\nb\r\n\r\nc\r\n')).resolves.toEqual(plain);
    await expect(load('A.TXT', 'a\rb\r\rc\r')).resolves.toMatchObject({ text: plain.text });
  });

  it('joins the texts of JSON lines by blank lines', async () => {
    const lines = '{"text": "one\\r\\n", "id": 1}\r\n\r\n{"id": 2, "text": "two"}\n';
    await expect(load('a.jsonl', lines)).resolves.toMatchObject({ text: 'one\r\n\n\ntwo' });
  });

  const raw = ' \n = Title = \n \n A sentence . \n Another . \n \n';
  const text = '\n\n = Title = \n\n\n\n\n A sentence . \n\n\n Another . \n\n\n';

  it('makes the rows of the dataset out of a raw file of WikiText', async () => {
    await expect(load('wiki.raw', raw)).resolves.toMatchObject({ text });
  });

  it('joins the rows of a Parquet file by blank lines', async () => {
    await expect(load('A.parquet', parquet)).resolves.toMatchObject({ name: 'A.parquet', text: parquetText });
  });

  it('finds wikitext2 where it is told to, in either form', async () => {
    const path = join(temporaryFolder(), 'wiki.test.txt');
    writeFileSync(path, raw);
    const wikitext2 = { kind: 'wikitext2' } as const;
    await expect(loadText(wikitext2, { wikitext2Path: path })).resolves.toMatchObject({ name: 'wikitext2', text });
    const parquetPath = packagePath('fixtures/parquet/snappy.parquet');
    await expect(loadText(wikitext2, { wikitext2Path: parquetPath })).resolves.toMatchObject({ text: parquetText });
    await expect(loadText(wikitext2)).rejects.toThrow(NotFoundError);
    await expect(loadText(wikitext2, { wikitext2Path: '' })).rejects.toThrow(/wikitext2 is not on this machine/);
  });

  it('gives WikiText as its raw file where that is asked for', async () => {
    const path = join(temporaryFolder(), 'wiki.test.raw');
    writeFileSync(path, raw);
    const wikitext2 = { kind: 'wikitext2' } as const;
    const parquetPath = packagePath('fixtures/parquet/snappy.parquet');
    await expect(loadText({ kind: 'file', path }, { form: 'raw' })).resolves.toMatchObject({ text: raw });
    await expect(loadText(wikitext2, { wikitext2Path: path, form: 'raw' })).resolves.toMatchObject({ text: raw });
    await expect(loadText(wikitext2, { wikitext2Path: parquetPath, form: 'raw' })).resolves.toMatchObject({
      text: ` \n = Title = \n \n${sentence}${sentence}`,
    });
  });

  it('downloads wikitext2 where nothing else is said', async () => {
    const files = { 'wikitext-2-raw-v1/test-00000-of-00001.parquet': parquet, 'README.md': parquet };
    const server = await startHubServer({ repositories: [{ key: 'datasets/Salesforce/wikitext', files }] });
    const hub = testHub(server.url, temporaryFolder());
    const expected = { name: 'wikitext2', text: parquetText };
    await expect(loadText({ kind: 'wikitext2' }, { hub })).resolves.toMatchObject(expected);
    hub.settings.offline = true;
    const asked = server.requests.length;
    await expect(loadText({ kind: 'wikitext2' }, { hub })).resolves.toMatchObject(expected);
    expect(server.requests).toHaveLength(asked);
    hub.settings.cacheFolder = temporaryFolder();
    await expect(loadText({ kind: 'wikitext2' }, { hub })).rejects.toThrow(
      /^dataset Salesforce\/wikitext: not downloaded yet, and the Hub cannot be asked$/,
    );
  });

  it('gives the train split of wikitext2 where it is asked for', async () => {
    const files = { 'wikitext-2-raw-v1/train-00000-of-00001.parquet': parquet };
    const server = await startHubServer({ repositories: [{ key: 'datasets/Salesforce/wikitext', files }] });
    const hub = testHub(server.url, temporaryFolder());
    const train = { name: 'wikitext2 train', text: parquetText };
    await expect(loadText({ kind: 'wikitext2' }, { hub, split: 'train' })).resolves.toMatchObject(train);
    await expect(loadText({ kind: 'wikitext2' }, { split: 'train' })).rejects.toMatchObject({
      hint: 'set CIDER_WIKITEXT2_TRAIN to the path of wiki.train.raw from the archive wikitext-2-raw-v1.zip',
    });
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
    ['a broken footer', 'a.parquet', parquet.subarray(0, 900), /a.parquet: it does not end as a Parquet file/],
    ['no rows', 'a.parquet', readFileSync(packagePath('fixtures/parquet/empty.parquet')), /holds no text/],
    [
      'another kind',
      'a.csv',
      'a,b',
      /a.csv: datasets of kind ".csv" are not supported; known: .txt, .jsonl, .raw, .par/,
    ],
    ['no kind', 'README', 'text', /README: datasets of kind "" are not supported/],
  ])('refuses %s', async (_, name, content, message) => {
    const failure: unknown = await load(name, content).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InputError);
    expect(failure).toMatchObject({ message: expect.stringMatching(message) as string });
  });

  it.each(['a.txt', 'a.parquet'])(
    'refuses ten gigabytes of %s before it reads them, and a file that is not there',
    async (name) => {
      const path = join(temporaryFolder(), name);
      await expect(loadText({ kind: 'file', path })).rejects.toThrow(NotFoundError);
      writeFileSync(path, '');
      truncateSync(path, 10e9);
      await expect(loadText({ kind: 'file', path })).rejects.toThrow(
        `${name}: 10000000000 bytes are over the limit of 268435456`,
      );
    },
  );
});

describe('parseTextSource', () => {
  it('tells the known dataset from a file', () => {
    expect(parseTextSource('wikitext2')).toEqual({ kind: 'wikitext2' });
    expect(parseTextSource('./wikitext2')).toEqual({ kind: 'file', path: './wikitext2' });
  });
});
