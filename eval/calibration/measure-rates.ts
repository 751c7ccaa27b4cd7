import type { Backend, WeightSource } from '../../kernels/backend.ts';
import { matrix, type LinearAlgebra } from '../../kernels/linear-algebra.ts';
import { gptq } from '../../quant/methods/gptq.ts';
import { prepareHessian } from '../../quant/methods/hessian.ts';
import { quantizeRows } from '../../quant/schemes/quantize-rows.ts';
import { groupsPerRow, type WeightScheme } from '../../quant/schemes/scheme.ts';

/** What this machine does in a second. */
export interface Rates {
  /** Multiply-adds of float and of integer layers. */
  floatLinear: number;
  integerLinear: number;
  /** Multiply-adds of Hessians. */
  accumulate: number;
  /** Multiply-adds in f64. */
  multiplyAdd: number;
  /** Weights rounded to nearest, and fed through a block of GPTQ. */
  rounded: number;
  fed: number;
}

/** Each thing is repeated for at least so long; the fastest time counts. */
const SECONDS = 0.15;

/** Large enough to be past the start of every kernel, small enough to take milliseconds. */
const ROWS = 256;
const COLUMNS = 512;

/** Measures on small matrices, in about a second, what an estimate is made from. */
export async function measureRates(backend: Backend, algebra: LinearAlgebra, scheme: WeightScheme): Promise<Rates> {
  const values = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => Math.sin(i * i) + Math.cos(7 * i));
  const shape = { outFeatures: ROWS, inFeatures: COLUMNS };
  const { bits, groupSize } = scheme;
  const codes = new Int8Array(values.length);
  const scales = new Float32Array(ROWS * groupsPerRow(COLUMNS, groupSize));
  const round = (): void => {
    quantizeRows({ dtype: 'F32', data: values, rows: ROWS, columns: COLUMNS }, scheme, codes, scales);
  };
  const rounded = values.length / (await secondsOf(round));
  const products = ROWS * ROWS * COLUMNS;
  const linear = async (source: WeightSource): Promise<number> =>
    products / (await secondsOfLinear(backend, source, values));
  const floatLinear = await linear({ kind: 'dense', dtype: 'F32', ...shape, data: values });
  const integerLinear = await linear({ kind: 'integer', ...shape, bits, groupSize, codes, scales });

  const hessian = new Float64Array(COLUMNS * COLUMNS);
  const square = matrix(hessian, COLUMNS, COLUMNS);
  const accumulateSeconds = await secondsOf(() => algebra.accumulate(square, values, values, ROWS));
  const [a, b] = [matrix(Float64Array.from(values), ROWS, COLUMNS), matrix(Float64Array.from(values), ROWS, COLUMNS)];
  const c = matrix(new Float64Array(ROWS * ROWS), ROWS, ROWS);
  const multiplySeconds = await secondsOf(() => algebra.multiplyAdd(c, 1, a, b, { transposeB: true }));

  // Of a Hessian without correlations, whose updates cost what any others do.
  for (let k = 0; k < COLUMNS; k++) hessian.fill(0, k * COLUMNS, (k + 1) * COLUMNS)[k * COLUMNS + k] = 1;
  const prepared = await prepareHessian(
    { columns: COLUMNS, values: hessian },
    { damping: 0.01, activationOrder: false },
    algebra,
  );
  const fedSeconds = await secondsOf(async () => {
    if (prepared) await gptq(Float64Array.from(values), ROWS, prepared, scheme, algebra);
  });
  return {
    floatLinear,
    integerLinear,
    accumulate: (COLUMNS * COLUMNS * ROWS) / 2 / accumulateSeconds,
    multiplyAdd: products / multiplySeconds,
    rounded,
    fed: values.length / fedSeconds,
  };
}

async function secondsOfLinear(backend: Backend, source: WeightSource, values: Float32Array): Promise<number> {
  const weight = backend.loadWeight(source);
  const x = backend.upload(ROWS, COLUMNS, values);
  const out = backend.allocate(ROWS, source.outFeatures);
  try {
    return await secondsOf(() => backend.linear(out, x, weight));
  } finally {
    for (const handle of [weight, x, out]) backend.release(handle);
  }
}

async function secondsOf(work: () => void | Promise<void>): Promise<number> {
  let fastest = Infinity;
  for (const start = performance.now(); performance.now() - start < SECONDS * 1000;) {
    const before = performance.now();
    await work();
    fastest = Math.min(fastest, (performance.now() - before) / 1000);
  }
  return fastest;
}
