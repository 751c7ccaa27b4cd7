import { parentPort, workerData } from 'node:worker_threads';
import { quantizeRows } from '../schemes/quantize-rows.ts';
import { groupsPerRow, type FloatRows, type WeightScheme } from '../schemes/scheme.ts';

/** The rows of a worker and the memory of all rows' results, shared with the main thread. */
export interface WorkerInput {
  source: FloatRows;
  firstRow: number;
  codes: Int8Array;
  scales: Float32Array;
}

/** Quantizes its rows by each scheme that comes, and answers when done. */
const { source, firstRow, codes, scales } = workerData as WorkerInput;
parentPort?.on('message', (scheme: WeightScheme) => {
  const { rows, columns } = source;
  const groups = groupsPerRow(columns, scheme.groupSize);
  quantizeRows(
    source,
    scheme,
    codes.subarray(firstRow * columns, (firstRow + rows) * columns),
    scales.subarray(firstRow * groups, (firstRow + rows) * groups),
  );
  parentPort?.postMessage('done');
});
