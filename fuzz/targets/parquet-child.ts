import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readParquet } from '../../eval/datasets/parquet.ts';
import { parquetMutator } from '../mutate/parquet-mutator.ts';
import { check, type Target } from '../target.ts';
import { fileOf } from './file-of.ts';
import { FILE } from './parquet.ts';

/** Shorter than for users, so that files without end cost little. */
const TIMEOUT_MS = 2000;

/** Datasets in Parquet as users get them read, in a process with limits. */
export const parquetChild: Target = {
  name: 'parquet-child',
  corpus: 'parquet',
  files: { [FILE]: parquetMutator },
  run: async (input) => {
    const path = join(tmpdir(), `cider-fuzz-${process.pid}.parquet`);
    writeFileSync(path, fileOf(input, FILE));
    try {
      check(Array.isArray(await readParquet(path, { timeoutMs: TIMEOUT_MS })), 'there are no rows');
    } finally {
      rmSync(path, { force: true });
    }
  },
};
