import { readParquetRows } from '../../eval/datasets/parquet-rows.ts';
import { parquetMutator } from '../mutate/parquet-mutator.ts';
import { check, type Target } from '../target.ts';
import { fileOf } from './file-of.ts';

export const FILE = 'data.parquet';

/** Datasets in Parquet, read in the worker itself; `parquet-child` reads them as users get them read. */
export const parquet: Target = {
  name: 'parquet',
  files: { [FILE]: parquetMutator },
  run: async (input, limited) => {
    const rows = await limited(() => readParquetRows(fileOf(input, FILE), FILE));
    check(
      rows.every((row) => typeof row === 'string'),
      'a row is no text',
    );
  },
};
