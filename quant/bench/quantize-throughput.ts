/**
 * How fast weights are quantized, in GB/s of input: `node dist/quant/bench/quantize-throughput.js [runs]`.
 *
 * Each case is first compared bit for bit with the reference path. One core is this thread, two are worker threads
 * that halve the rows; the cases take turns, so that a disturbance hits all of them.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { narrowBf16, narrowF16 } from '../../kernels/reference/float-formats.ts';
import { quantizeRows } from '../schemes/quantize-rows.ts';
import { quantizeRowsReference } from '../schemes/reference.ts';
import { groupsPerRow, type Clip, type FloatRows, type GroupSize, type WeightScheme } from '../schemes/scheme.ts';
import type { WorkerInput } from './throughput-worker.ts';

const ROWS = 4096;
const COLUMNS = 4096;
/** Rows that clipping is measured on: it is slower by one or two orders of magnitude. */
const CLIPPED_ROWS = 256;
const LEAST_RUNS = 11;
const THREADS = 2;

interface Case {
  name: string;
  source: FloatRows;
  scheme: WeightScheme;
  /** Seconds of each run. */
  single: number[];
  threaded: number[];
}

const codes = new Int8Array(new SharedArrayBuffer(ROWS * COLUMNS));
const scales = new Float32Array(new SharedArrayBuffer(ROWS * groupsPerRow(COLUMNS, 32) * 4));

/** Weights as models have them: normally distributed with a standard deviation of 0.02 (Box-Muller over an LCG). */
function normalWeights(dtype: FloatRows['dtype'], rows: number): FloatRows {
  const count = rows * COLUMNS;
  const values = new Float32Array(new SharedArrayBuffer(count * 4));
  let state = 12345;
  const uniform = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  for (let i = 0; i < count; i++) {
    values[i] = 0.02 * Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  }
  if (dtype === 'F32') return { dtype, data: values, rows, columns: COLUMNS };
  const data = new Uint16Array(new SharedArrayBuffer(count * 2));
  const narrow = dtype === 'F16' ? narrowF16 : narrowBf16;
  for (let i = 0; i < count; i++) data[i] = narrow(values[i]);
  return { dtype, data, rows, columns: COLUMNS };
}

function makeCase(source: FloatRows, bits: 8 | 4, groupSize: GroupSize, clip: Clip = { kind: 'minmax' }): Case {
  const grouping = groupSize === 0 ? 'channel' : `gs ${groupSize}`;
  const name = `${source.dtype} int${bits} ${grouping} ${clip.kind}`;
  return { name, source, scheme: { bits, groupSize, clip }, single: [], threaded: [] };
}

const resultOf = ({ rows, columns }: FloatRows, { groupSize }: WeightScheme): [Int8Array, Float32Array] => [
  codes.subarray(0, rows * columns),
  scales.subarray(0, rows * groupsPerRow(columns, groupSize)),
];

function checkAgainstReference({ name, source, scheme }: Case): void {
  const [gotCodes, gotScales] = resultOf(source, scheme);
  const wantedCodes = new Int8Array(gotCodes.length);
  const wantedScales = new Float32Array(gotScales.length);
  quantizeRows(source, scheme, gotCodes, gotScales);
  quantizeRowsReference(source, scheme, wantedCodes, wantedScales);
  const code = gotCodes.findIndex((got, i) => got !== wantedCodes[i]);
  const scale = gotScales.findIndex((got, i) => got !== wantedScales[i]);
  if (code !== -1 || scale !== -1) throw new Error(`${name}: code ${code} or scale ${scale} is not the reference's`);
}

function startWorkers(source: FloatRows): Worker[] {
  const rows = source.rows / THREADS;
  return Array.from({ length: THREADS }, (_, i) => {
    const data = source.data.subarray(i * rows * COLUMNS, (i + 1) * rows * COLUMNS);
    const workerData: WorkerInput = { source: { ...source, data, rows }, firstRow: i * rows, codes, scales };
    return new Worker(new URL('./throughput-worker.js', import.meta.url), { workerData });
  });
}

async function seconds(run: () => void | Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

const runInWorkers = async (workers: Worker[], scheme: WeightScheme): Promise<void> => {
  await Promise.all(
    workers.map((worker) => {
      worker.postMessage(scheme);
      return once(worker, 'message');
    }),
  );
};

/** Median and range over the runs, in GB/s of input. */
function rates({ data }: FloatRows, runs: number[]): string {
  const sorted = runs.map((time) => data.byteLength / 1e9 / time).sort((a, b) => a - b);
  const [least, median, most] = [sorted[0], sorted[sorted.length >> 1], sorted[sorted.length - 1]];
  return `${median.toFixed(3)} (${least.toFixed(3)} … ${most.toFixed(3)})`.padEnd(26);
}

const runs = Math.max(LEAST_RUNS, Number(process.argv[2]) || 0);
const bf16 = normalWeights('BF16', ROWS);
const clipped = { ...bf16, data: bf16.data.subarray(0, CLIPPED_ROWS * COLUMNS), rows: CLIPPED_ROWS };
const percentile: Clip = { kind: 'percentile', percentile: 99.9 };
const cases = [
  makeCase(bf16, 8, 0),
  makeCase(bf16, 8, 256),
  makeCase(bf16, 8, 128),
  makeCase(bf16, 8, 64),
  makeCase(bf16, 8, 32),
  makeCase(bf16, 4, 0),
  makeCase(bf16, 4, 128),
  makeCase(normalWeights('F16', CLIPPED_ROWS * 4), 8, 0),
  makeCase(normalWeights('F32', CLIPPED_ROWS * 4), 8, 0),
  makeCase(clipped, 8, 0, percentile),
  makeCase(clipped, 8, 64, percentile),
  makeCase(clipped, 8, 0, { kind: 'mse' }),
  makeCase(clipped, 4, 128, { kind: 'mse' }),
];
const workersOf = new Map(
  [...new Set(cases.map(({ source }) => source))].map((source) => [source, startWorkers(source)]),
);
cases.forEach(checkAgainstReference);
// One round more than asked for: the first one compiles the loops and is dropped.
for (let round = 0; round <= runs; round++) {
  for (const { source, scheme, single, threaded } of cases) {
    const [intoCodes, intoScales] = resultOf(source, scheme);
    const one = await seconds(() => {
      quantizeRows(source, scheme, intoCodes, intoScales);
    });
    const two = await seconds(() => runInWorkers(workersOf.get(source) ?? [], scheme));
    if (round === 0) continue;
    single.push(one);
    threaded.push(two);
  }
}
const header = ['GB/s of input'.padEnd(28), '1 core'.padEnd(26), `${THREADS} worker threads`];
const lines = cases.map((each) =>
  [each.name.padEnd(28), rates(each.source, each.single), rates(each.source, each.threaded)].join(' '),
);
process.stdout.write(`${[`median (least … most) of ${runs} runs`, header.join(' '), ...lines].join('\n')}\n`);
await Promise.all([...workersOf.values()].flat().map((worker) => worker.terminate()));
