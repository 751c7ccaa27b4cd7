import { createHash } from 'node:crypto';
import { basename, extname } from 'node:path';
import { downloadDatasetFile } from '../../hub/dataset-file.ts';
import type { Hub } from '../../hub/hub.ts';
import { InputError, NotFoundError } from '../../quant/errors.ts';
import { readWholeFile } from '../../quant/read-file.ts';
import { readJsonLines } from './json-lines.ts';
import { readParquet } from './parquet.ts';
import { decodeText, MAX_TEXT_BYTES } from './text-encoding.ts';
import {
  joinWikitextRows,
  rawWikitext,
  ROW_SEPARATOR,
  WIKITEXT_ID,
  wikitextFile,
  wikitextName,
  wikitextVariable,
  type WikitextSplit,
} from './wikitext.ts';

/** Where a text comes from. */
export type TextSource = { kind: 'file'; path: string } | { kind: 'wikitext2' };

export interface LoadedText {
  name: string;
  text: string;
  /** Of the text as it is tokenized, in UTF-8: what a perplexity must be quoted with. */
  sha256: string;
  /** Length of that UTF-8. */
  bytes: number;
}

export interface LoadOptions {
  /** Of `wikitext2`; default: `test`. */
  split?: WikitextSplit | undefined;
  /** For `wikitext2`: `wiki.test.raw` of WikiText-2 or the Parquet file of its test split, or those of another split. */
  wikitext2Path?: string | undefined;
  /** Where `wikitext2` comes from if no path is given. */
  hub?: Hub;
  /** Of WikiText: the rows of its dataset joined by blank lines (default), or its raw file as it is. */
  form?: 'joined' | 'raw' | undefined;
  signal?: AbortSignal;
}

type Reader = (path: string, options: LoadOptions) => string | Promise<string>;

const bytesOf = (path: string): Uint8Array => readWholeFile(path, MAX_TEXT_BYTES);

/** How each kind of file becomes a text. */
const readers: Readonly<Record<string, Reader>> = {
  '.txt': (path) => decodeText(bytesOf(path), basename(path)),
  '.jsonl': (path) => readJsonLines(bytesOf(path), basename(path)),
  '.raw': (path, { form }) => {
    const raw = decodeText(bytesOf(path), basename(path));
    return form === 'raw' ? raw : joinWikitextRows(raw);
  },
  '.parquet': async (path, { signal }) => (await readParquet(path, { signal })).join(ROW_SEPARATOR),
};

const readWikitextParquet: Reader = async (path, options) => {
  if (options.form !== 'raw') return readers['.parquet'](path, options);
  return rawWikitext(await readParquet(path, options));
};

/** The source that a user names: `wikitext2`, or a file. */
export function parseTextSource(argument: string): TextSource {
  return argument === 'wikitext2' ? { kind: 'wikitext2' } : { kind: 'file', path: argument };
}

/**
 * Loads a text for evaluation or calibration: `.txt` as it is, `.jsonl` (members `text`) and `.parquet` (column `text`)
 * joined by blank lines, `.raw` (WikiText, by the rows of its dataset). In a text file a byte order mark is dropped and
 * line ends become \n, as when Python opens a file, so that a text has one perplexity on every system.
 *
 * @throws NotFoundError; InputError `E_DATASET_*`, `E_PARQUET*`, `E_FILE_TOO_LARGE`, `E_JSON_*`, naming the line or row
 */
export async function loadText(source: TextSource, options: LoadOptions = {}): Promise<LoadedText> {
  const path = source.kind === 'file' ? source.path : await findWikitext(options);
  const file = basename(path);
  // The archive of WikiText names its file .raw, but the user may have renamed it.
  const wikitextReader = file.endsWith('.parquet') ? readWikitextParquet : readers['.raw'];
  const read = source.kind === 'wikitext2' ? wikitextReader : readerOf(file);
  const text = await read(path, options);
  if (text.trim() === '') {
    throw new InputError(`${file}: the dataset holds no text`, { code: 'E_DATASET_EMPTY', details: { file } });
  }
  const name = source.kind === 'file' ? file : wikitextName(options.split);
  const sha256 = createHash('sha256').update(text).digest('hex');
  return { name, text, sha256, bytes: Buffer.byteLength(text) };
}

function readerOf(file: string): Reader {
  const extension = extname(file).toLowerCase();
  if (Object.hasOwn(readers, extension)) return readers[extension];
  const known = Object.keys(readers).join(', ');
  throw new InputError(`${file}: datasets of kind ${JSON.stringify(extension)} are not supported; known: ${known}`, {
    code: 'E_DATASET_KIND',
    details: { file, known: Object.keys(readers) },
  });
}

async function findWikitext({ split = 'test', wikitext2Path: path, hub }: LoadOptions): Promise<string> {
  if (path !== undefined && path !== '') return path;
  if (hub) return downloadDatasetFile(hub, WIKITEXT_ID, wikitextFile(split));
  const variable = wikitextVariable(split);
  throw new NotFoundError('wikitext2 is not on this machine', {
    code: 'E_DATASET_MISSING',
    hint: `set ${variable} to the path of wiki.${split}.raw from the archive wikitext-2-raw-v1.zip`,
    details: { dataset: 'wikitext2', split },
  });
}
