import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packagePath } from '../../commands/package-path.ts';
import { InputError, NotFoundError } from '../../quant/errors.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { tinyParquet, type ParquetClaims } from '../../testing/tiny-parquet.ts';
import { readParquet } from './parquet.ts';

const write = (bytes: Uint8Array): string => {
  const path = join(temporaryFolder(), 'a.parquet');
  writeFileSync(path, bytes);
  return path;
};

describe('readParquet', () => {
  it('reads in a process of its own', async () => {
    await expect(readParquet(packagePath('fixtures/parquet/snappy.parquet'))).resolves.toHaveLength(5);
  });

  it('hands errors over with their class, code and sentence', async () => {
    const failure: unknown = await readParquet(write(Buffer.from('nothing'))).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InputError);
    expect(failure).toMatchObject({ code: 'E_PARQUET', message: 'a.parquet: this is no Parquet file' });
    await expect(readParquet(join(temporaryFolder(), 'absent.parquet'))).rejects.toBeInstanceOf(NotFoundError);
  });

  it.each<ParquetClaims>([{ run: 2 ** 30 - 1 }, { values: 2 ** 30 - 1 }])(
    'survives a file of 200 bytes with %j',
    async (claims) => {
      const failure: unknown = await readParquet(write(tinyParquet(claims)), { timeoutMs: 2000 }).catch(
        (error: unknown) => error,
      );
      expect(failure).toBeInstanceOf(InputError);
      expect(failure).toMatchObject({ code: 'E_PARQUET' });
    },
  );

  it('survives a number of a million digits', async () => {
    // An i64 whose bytes all say that another one follows.
    const footer = Buffer.concat([Uint8Array.of(0x36), Buffer.alloc(1_000_000, 0xff)]);
    await expect(readParquet(write(tinyParquet({ footer })), { timeoutMs: 1000 })).rejects.toBeInstanceOf(InputError);
  });

  it('stops when the user does', async () => {
    const stop = new AbortController();
    const reading = readParquet(write(tinyParquet({ run: 2 ** 30 - 1 })), { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    await expect(readParquet(write(tinyParquet()), { signal: stop.signal })).rejects.toThrow('enough');
  });
});
