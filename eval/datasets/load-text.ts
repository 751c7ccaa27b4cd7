import { createHash } from 'node:crypto';
import { basename, extname } from 'node:path';
import { InputError, NotFoundError } from '../../quant/errors.ts';
import { nodeFileSystem, type FileSystem } from '../../quant/file-system.ts';
import { readWholeFile } from '../../quant/read-file.ts';
import { readJsonLines } from './json-lines.ts';
import { decodeText } from './text-encoding.ts';
import { joinWikitextRows } from './wikitext.ts';

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
  /** `wiki.test.raw` of WikiText-2, for `wikitext2`. */
  wikitext2Path?: string | undefined;
  fileSystem?: FileSystem;
}

/** Text becomes one string and its tokens one array; a V8 string ends at 2^29 characters. */
const MAX_TEXT_BYTES = 256 * 1024 * 1024;

type Reader = (bytes: Uint8Array, file: string) => string;

/** How each kind of file becomes a text. */
const readers: Readonly<Record<string, Reader>> = {
  '.txt': decodeText,
  '.jsonl': readJsonLines,
  '.raw': (bytes, file) => joinWikitextRows(decodeText(bytes, file)),
};

/** The source that a user names: `wikitext2`, or a file. */
export function parseTextSource(argument: string): TextSource {
  return argument === 'wikitext2' ? { kind: 'wikitext2' } : { kind: 'file', path: argument };
}

/**
 * Loads a text for evaluation or calibration: `.txt` as it is, `.jsonl` (members `text` joined by blank lines), `.raw`
 * (WikiText, by the rows of its dataset). A byte order mark is dropped and line ends become \n, as when Python opens a
 * file, so that a text has one perplexity on every system.
 *
 * @throws NotFoundError; InputError `E_DATASET_*`, `E_FILE_TOO_LARGE`, `E_JSON_*`, naming the line
 */
export function loadText(source: TextSource, options: LoadOptions = {}): LoadedText {
  const path = source.kind === 'file' ? source.path : requireWikitext(options.wikitext2Path);
  const file = basename(path);
  const read = source.kind === 'file' ? readerOf(file) : readers['.raw'];
  const text = read(readWholeFile(path, MAX_TEXT_BYTES, options.fileSystem ?? nodeFileSystem), file);
  if (text.trim() === '') {
    throw new InputError(`${file}: the dataset holds no text`, { code: 'E_DATASET_EMPTY', details: { file } });
  }
  const name = source.kind === 'file' ? file : 'wikitext2';
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

function requireWikitext(path: string | undefined): string {
  if (path !== undefined && path !== '') return path;
  throw new NotFoundError('wikitext2 is not on this machine', {
    code: 'E_DATASET_MISSING',
    hint: 'set CIDER_WIKITEXT2 to the path of wiki.test.raw from the archive wikitext-2-raw-v1.zip',
    details: { dataset: 'wikitext2' },
  });
}
