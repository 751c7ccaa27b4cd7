import type { Backend, DecodeMode, Weight } from '../backend.ts';
import { Random } from '../verify/random.ts';
import { checkKernel } from './check-kernel.ts';
import type { LinearKernel } from './linear-kernel.ts';
import type { MachinePeak, PeakMeter } from './peak.ts';
import {
  median,
  spreadPercent,
  Stopwatch,
  takeSamples,
  type Clock,
  type DeviceClock,
  type SampleOptions,
} from './samples.ts';

/** A weight [N, K] and the row counts of activations that are multiplied with it. */
export interface LinearShape {
  n: number;
  k: number;
}

/** One kernel on one shape. */
export interface LinearRow extends LinearShape {
  m: number;
  kernel: string;
  medianMs: number;
  /** 10^9 operations a second: 2 · M · N · K. */
  gops: number;
  /** 10^9 bytes of the stored weight a second. */
  gbs: number;
  /** Of the arithmetic or of the read bandwidth, whichever is used more; null where the peak is not known. */
  percentOfPeak: number | null;
  spreadPercent: number;
  samplesNs: number[];
}

export interface LinearBenchRequest extends SampleOptions {
  kernels: readonly LinearKernel[];
  rows: readonly number[];
  decode: DecodeMode;
}

export interface LinearBenchHooks {
  signal: AbortSignal;
  onRow: (row: LinearRow) => void;
}

/**
 * Weights are copied until they are larger than any cache together, and each call takes the next copy, as the layers of a
 * model follow one another.
 */
const COLD_BYTES = 512 * 2 ** 20;
/** Weights of less than half a MiB stay warm in part. */
const MAX_COPIES = 1024;

/** Time for each figure of the peak, which is measured anew for each shape: clocks and neighbours change. */
const PEAK_SECONDS = 0.2;

/** Checks, then times each kernel on a shape for each row count. @throws WrongResultError */
export async function benchLinear(
  backend: Backend & Partial<PeakMeter & DeviceClock>,
  reference: Backend,
  shape: LinearShape,
  request: LinearBenchRequest,
  hooks: LinearBenchHooks,
): Promise<{ peak: MachinePeak | undefined; clock: Clock; rows: LinearRow[] }> {
  const peak = backend.measurePeak?.(PEAK_SECONDS);
  const rows: LinearRow[] = [];
  for (const kernel of request.kernels) {
    const source = kernel.makeWeight(shape.n, shape.k);
    const weights = [backend.loadWeight(source)];
    try {
      await checkKernel(backend, weights[0], reference, source, { name: kernel.name, decode: request.decode });
      const copies = Math.min(Math.ceil(COLD_BYTES / weights[0].bytes), MAX_COPIES);
      while (weights.length < copies) weights.push(backend.loadWeight(source));
      for (const m of request.rows) {
        const row = rowOf(
          kernel,
          shape,
          m,
          weights[0],
          await timeLinear(backend, weights, m, request, hooks.signal),
          peak,
        );
        rows.push(row);
        hooks.onRow(row);
      }
    } finally {
      for (const weight of weights) backend.release(weight);
    }
  }
  return { peak, clock: new Stopwatch(backend).clock, rows };
}

async function timeLinear(
  backend: Backend & Partial<DeviceClock>,
  weights: readonly Weight[],
  m: number,
  request: LinearBenchRequest,
  signal: AbortSignal,
): Promise<number[]> {
  const { inFeatures, outFeatures } = weights[0];
  const values = new Float32Array(m * inFeatures);
  new Random(m).fillFloats(values, 1);
  const x = backend.upload(m, inFeatures, values);
  const out = backend.allocate(m, outFeatures);
  try {
    return await takeSamples(
      (index) => backend.linear(out, x, weights[index % weights.length], request),
      request,
      signal,
      new Stopwatch(backend),
    );
  } finally {
    for (const handle of [x, out]) backend.release(handle);
  }
}

function arithmeticPeak({ int8Gops, bf16Gops, f32Gops }: MachinePeak, operands: LinearKernel['operands']): number {
  if (operands === 'int8') return int8Gops;
  return operands === 'bf16' ? Math.max(bf16Gops, f32Gops) : f32Gops;
}

function rowOf(
  { name, operands }: LinearKernel,
  { n, k }: LinearShape,
  m: number,
  weight: Weight,
  samplesNs: number[],
  peak: MachinePeak | undefined,
): LinearRow {
  const nanoseconds = median(samplesNs);
  const gops = (2 * m * n * k) / nanoseconds;
  const gbs = weight.bytes / nanoseconds;
  const percentOfPeak = peak && 100 * Math.max(gops / arithmeticPeak(peak, operands), gbs / peak.readGBs);
  return {
    n,
    k,
    m,
    kernel: name,
    medianMs: nanoseconds / 1e6,
    gops,
    gbs,
    percentOfPeak: percentOfPeak ?? null,
    spreadPercent: spreadPercent(samplesNs),
    samplesNs,
  };
}
