import { isUtf8 } from 'node:buffer';
import {
  parquetMetadata,
  parquetReadObjects,
  parquetSchema,
  snappyUncompress,
  type FileMetaData,
  type SchemaTree,
} from 'hyparquet';
import { listed, quoted } from '../../quant/checkpoint/quoted.ts';
import { InputError, type ErrorDetails } from '../../quant/errors.ts';
import { MAX_TEXT_BYTES } from './text-encoding.ts';

/** A footer holds some hundred bytes for each column of each row group. */
const MAX_FOOTER_BYTES = 16 * 1024 * 1024;

/** Far above the datasets that models are evaluated on. */
const MAX_ROWS = 1_000_000;

/** Pages of the column together, decompressed: twice the longest text. */
const MAX_PAGE_BYTES = 512 * 1024 * 1024;

const COLUMN = 'text';
const MAGIC = 'PAR1';

/** Magic, footer, its length, and magic again. */
const SMALLEST_FILE = 12;

/** Codecs that need nothing but hyparquet; Hugging Face writes the latter. */
const codecs: readonly string[] = ['UNCOMPRESSED', 'SNAPPY'];

/**
 * The rows of the column `text`. Every number of the file is checked that can be checked before it is believed, but
 * hyparquet believes some that cannot, such as lengths of runs; hence this runs in a process of its own (`parquet.ts`).
 *
 * @param file how messages name it
 * @throws InputError `E_PARQUET*`, `E_DATASET_ENCODING`, `E_DATASET_ROW`
 */
export async function readParquetRows(bytes: Uint8Array, file: string): Promise<string[]> {
  checkFooter(bytes, file);
  const metadata = guarded(file, 'its footer cannot be read', () => parquetMetadata(bytes, { geoparquet: false }));
  guarded(file, 'its footer cannot be read', () => {
    checkColumn(parquetSchema(metadata), file);
    checkChunks(metadata, file);
    checkRows(metadata, file);
  });
  const rows = await readColumn(bytes, metadata, file);
  checkLength(rows, file);
  return rows.map((row, index) => decodeRow(row, index, file));
}

/** Rows of a dictionary are stored once, and may be a million times as long together. */
function checkLength(rows: readonly unknown[], file: string): void {
  const bytes = rows.reduce((sum: number, row) => sum + (row instanceof Uint8Array ? row.byteLength : 0), 0);
  if (bytes <= MAX_TEXT_BYTES) return;
  throw new InputError(`${file}: its text of ${bytes} bytes is over the limit of ${MAX_TEXT_BYTES}`, {
    code: 'E_PARQUET_TOO_LARGE',
    details: { file, bytes, limit: MAX_TEXT_BYTES },
  });
}

function checkFooter(bytes: Uint8Array, file: string): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = buffer.byteLength;
  const isParquet = size >= SMALLEST_FILE && buffer.toString('latin1', 0, 4) === MAGIC;
  if (!isParquet) throw broken(file, 'this is no Parquet file');
  if (buffer.toString('latin1', size - 4) !== MAGIC) {
    throw broken(file, 'it does not end as a Parquet file; the download may have been cut', { bytes: size });
  }
  const length = buffer.readUInt32LE(size - 8);
  const limit = Math.min(MAX_FOOTER_BYTES, size - SMALLEST_FILE);
  if (length > limit)
    throw broken(file, `its footer of ${length} bytes is over the limit of ${limit}`, { length, limit });
}

function checkColumn(schema: SchemaTree, file: string): void {
  const column = schema.children.find(({ element }) => element.name === COLUMN);
  if (!column) {
    const names = schema.children.map(({ element }) => element.name);
    throw new InputError(`${file}: there is no column "${COLUMN}"; columns: ${listed(names)}`, {
      code: 'E_PARQUET_COLUMN',
      details: { file, column: COLUMN, columns: names.slice(0, 20) },
    });
  }
  const { type, converted_type: converted, logical_type: logical, repetition_type: repetition } = column.element;
  const isText = type === 'BYTE_ARRAY' && (converted === 'UTF8' || logical?.type === 'STRING');
  if (isText && repetition !== 'REPEATED' && column.children.length === 0) return;
  const found = column.children.length > 0 ? 'a nested type' : (logical?.type ?? converted ?? type ?? 'unknown');
  throw new InputError(`${file}: the column "${COLUMN}" is ${found}, not a string`, {
    code: 'E_PARQUET_TYPE',
    details: { file, column: COLUMN, type: found },
  });
}

/** Where the column lies, in pages that can be read, a value for each row. */
function checkChunks(metadata: FileMetaData, file: string): void {
  for (const { columns, num_rows: rows } of metadata.row_groups) {
    const column = columns.find(({ meta_data: chunk }) => chunk?.path_in_schema[0] === COLUMN);
    if (!column?.meta_data) throw broken(file, `its footer does not say where the column "${COLUMN}" lies`);
    const { codec, num_values: values } = column.meta_data;
    if (column.file_path !== undefined)
      throw broken(file, `its column lies in another file, ${quoted(column.file_path)}`);
    if (values !== rows) throw broken(file, `its footer names ${values} values for ${rows} rows`);
    if (codecs.includes(codec)) continue;
    throw new InputError(`${file}: pages compressed with ${codec} are not read; known: ${codecs.join(', ')}`, {
      code: 'E_PARQUET_CODEC',
      hint: 'write the file again, with compression="snappy"',
      details: { file, codec, known: codecs },
    });
  }
}

function checkRows({ row_groups: groups, num_rows: declared }: FileMetaData, file: string): void {
  const rows = groups.reduce((sum, group) => sum + group.num_rows, 0n);
  if (groups.some((group) => group.num_rows < 0n) || rows !== declared) {
    throw broken(file, `its footer names ${declared} rows, and its parts have ${rows}`);
  }
  if (rows <= BigInt(MAX_ROWS)) return;
  throw new InputError(`${file}: ${rows} rows are over the limit of ${MAX_ROWS}`, {
    code: 'E_PARQUET_TOO_LARGE',
    details: { file, rows: rows.toString(), limit: MAX_ROWS },
  });
}

/** The column as bytes, so that what is not UTF-8 can be told from what is. */
async function readColumn(bytes: Uint8Array, metadata: FileMetaData, file: string): Promise<unknown[]> {
  let budget = MAX_PAGE_BYTES;
  const decompress = (page: Uint8Array, length: number): Uint8Array => {
    budget -= length;
    if (length < 0 || budget < 0) {
      throw new InputError(`${file}: its pages are over the limit of ${MAX_PAGE_BYTES} bytes when decompressed`, {
        code: 'E_PARQUET_TOO_LARGE',
        details: { file, limit: MAX_PAGE_BYTES },
      });
    }
    const output = new Uint8Array(length);
    snappyUncompress(page, output);
    return output;
  };
  try {
    const rows = await parquetReadObjects({
      file: { byteLength: bytes.byteLength, slice: (start, end) => new Uint8Array(bytes.subarray(start, end)).buffer },
      metadata,
      columns: [COLUMN],
      compressors: { SNAPPY: decompress },
      parsers: { stringFromBytes: (value: Uint8Array) => value },
      geoparquet: false,
    });
    return rows.map((row): unknown => row[COLUMN]);
  } catch (error) {
    throw error instanceof InputError ? error : unreadable(file, 'its pages cannot be read', error);
  }
}

function decodeRow(row: unknown, index: number, file: string): string {
  if (!(row instanceof Uint8Array)) {
    throw new InputError(`${file}: row ${index + 1} holds no text`, {
      code: 'E_DATASET_ROW',
      details: { file, row: index + 1 },
    });
  }
  if (!isUtf8(row)) {
    throw new InputError(`${file}: row ${index + 1} is not valid UTF-8`, {
      code: 'E_DATASET_ENCODING',
      details: { file, row: index + 1 },
    });
  }
  return Buffer.from(row.buffer, row.byteOffset, row.byteLength).toString('utf8');
}

function guarded<T>(file: string, reason: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof InputError ? error : unreadable(file, reason, error);
  }
}

/** What hyparquet says may hold text of the file. */
function unreadable(file: string, reason: string, cause: unknown): InputError {
  const said = cause instanceof Error ? cause.message : String(cause);
  return broken(file, `${reason}: ${quoted(said).slice(1, -1)}`);
}

function broken(file: string, reason: string, details: ErrorDetails = {}): InputError {
  return new InputError(`${file}: ${reason}`, { code: 'E_PARQUET', details: { file, ...details } });
}
