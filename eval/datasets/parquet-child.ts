import { basename } from 'node:path';
import { sendError } from '../../quant/conversion/error-transfer.ts';
import { readWholeFile } from '../../quant/read-file.ts';
import { readParquetRows } from './parquet-rows.ts';
import { MAX_TEXT_BYTES } from './text-encoding.ts';
import type { ParquetAnswer } from './parquet.ts';

/** Entry of the process that reads one Parquet file. */
const path = process.argv[2];

async function answer(): Promise<ParquetAnswer> {
  try {
    return { rows: await readParquetRows(readWholeFile(path, MAX_TEXT_BYTES), basename(path)) };
  } catch (error) {
    return { error: sendError(error) };
  }
}

process.send?.(await answer(), () => {
  process.disconnect();
});
