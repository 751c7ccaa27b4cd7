import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packagePath } from '../../commands/package-path.ts';
import { InputError } from '../../quant/errors.ts';
import { tinyParquet, type ParquetClaims } from '../../testing/tiny-parquet.ts';
import { readParquetRows } from './parquet-rows.ts';

/** Made by fixtures/parquet/make_parquet.py. */
const fixture = (name: string): Uint8Array => readFileSync(packagePath(`fixtures/parquet/${name}.parquet`));

const rows = ['', ' = Title = \n', '', ' A sentence , with a ” quote . \n', ' A sentence , with a ” quote . \n'];

/** The file with its last bytes, from `fromEnd` on, replaced. */
function patched(name: string, fromEnd: number, bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(fixture(name));
  copy.set(bytes, copy.byteLength - fromEnd);
  return copy;
}

describe('readParquetRows', () => {
  it.each(['snappy', 'plain-v2', 'delta', 'large-string'])('reads what pyarrow wrote: %s', async (name) => {
    await expect(readParquetRows(fixture(name), 'a.parquet')).resolves.toEqual(rows);
  });

  it('reads a file without rows, and the smallest with one', async () => {
    await expect(readParquetRows(fixture('empty'), 'a.parquet')).resolves.toEqual([]);
    await expect(readParquetRows(tinyParquet(), 'a.parquet')).resolves.toEqual(['ab']);
  });

  it.each<[string, Uint8Array, string, RegExp]>([
    ['nothing', new Uint8Array(), 'E_PARQUET', /^a.parquet: this is no Parquet file$/],
    ['another format', Buffer.from('PK\x03\x04 and so on'), 'E_PARQUET', /this is no Parquet file/],
    ['a cut file', fixture('snappy').subarray(0, 700), 'E_PARQUET', /does not end as a Parquet file; the download may/],
    [
      'a footer that is longer than the file',
      patched('snappy', 8, Buffer.from('ffffff7f', 'hex')),
      'E_PARQUET',
      /its footer of 2147483647 bytes is over the limit of 1263/,
    ],
    ['a footer of zeros', patched('snappy', 400, new Uint8Array(390)), 'E_PARQUET', /its footer/],
    [
      'a footer of ones',
      patched('snappy', 400, new Uint8Array(390).fill(255)),
      'E_PARQUET',
      /its footer cannot be read: /,
    ],
    [
      'an unknown codec',
      fixture('zstd'),
      'E_PARQUET_CODEC',
      /pages compressed with ZSTD are not read; known: UNCOMPRESSED, SNAPPY/,
    ],
    [
      'no such column',
      fixture('other-column'),
      'E_PARQUET_COLUMN',
      /there is no column "text"; columns: "id", "content"/,
    ],
    ['numbers', fixture('numbers'), 'E_PARQUET_TYPE', /the column "text" is INT64, not a string/],
    ['bytes', fixture('binary'), 'E_PARQUET_TYPE', /the column "text" is BYTE_ARRAY, not a string/],
    ['lists', fixture('lists'), 'E_PARQUET_TYPE', /the column "text" is a nested type, not a string/],
    ['a row without text', fixture('null'), 'E_DATASET_ROW', /^a.parquet: row 2 holds no text$/],
    ['a row that is not UTF-8', fixture('not-utf8'), 'E_DATASET_ENCODING', /^a.parquet: row 2 is not valid UTF-8$/],
  ])('refuses %s', async (_, bytes, code, message) => {
    const failure: unknown = await readParquetRows(bytes, 'a.parquet').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InputError);
    expect(failure).toMatchObject({ message: expect.stringMatching(message) as string });
    expect((failure as InputError).code).toMatch(code);
  });

  it.each<[string, ParquetClaims, string, RegExp]>([
    [
      'more rows than the limit',
      { rows: 2 ** 40, values: 2 ** 40 },
      'E_PARQUET_TOO_LARGE',
      /1099511627776 rows are over the limit of 1000000/,
    ],
    ['more rows than values', { rows: 900_000 }, 'E_PARQUET', /its footer names 1 values for 900000 rows/],
    ['fewer rows than values', { rows: 0 }, 'E_PARQUET', /its footer names 1 values for 0 rows/],
    [
      'pages of gigabytes',
      { uncompressed: 2 ** 30, codec: 'snappy' },
      'E_PARQUET_TOO_LARGE',
      /over the limit of 536870912 bytes when decompressed/,
    ],
    ['another size of a page', { uncompressed: 5 }, 'E_PARQUET', /its pages cannot be read: .*does not match header 5/],
  ])('does not believe a file of %s', async (_, claims, code, message) => {
    const failure: unknown = await readParquetRows(tinyParquet(claims), 'a.parquet').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) as string });
  });
});
