/** How often something is timed. */
export interface SampleOptions {
  /** Calls before the first sample. */
  warmup: number;
  /** Samples, fewer if they take longer than `MAX_SECONDS`. */
  repetitions: number;
}

/** Backends that work on after a call has returned, and have a clock of their own. */
export interface DeviceClock {
  /** Waits until all that was asked for is done. */
  synchronize(): void;
  /** Seconds that the device has worked, for what is done; 0 if it has no clock of its own. */
  deviceSeconds(): number;
}

/** How samples are timed: by the device's clock where it has one, else by the host's. */
export type Clock = 'device' | 'host';

/** Times calls of one backend. */
export class Stopwatch {
  readonly #device: Partial<DeviceClock>;

  constructor(device: Partial<DeviceClock> = {}) {
    this.#device = device;
  }

  /** Known once something was done. */
  get clock(): Clock {
    return this.#deviceSeconds() > 0 ? 'device' : 'host';
  }

  /** Nanoseconds of a call, with all that it left for the device to do. */
  async time(call: () => Promise<unknown>): Promise<number> {
    const before = this.#deviceSeconds();
    const started = process.hrtime.bigint();
    await call();
    this.#device.synchronize?.();
    const elapsed = Number(process.hrtime.bigint() - started);
    const worked = this.#deviceSeconds() - before;
    return worked > 0 ? worked * 1e9 : elapsed;
  }

  #deviceSeconds(): number {
    return this.#device.deviceSeconds?.() ?? 0;
  }
}

/** Samples of one thing end when they have taken this long, so that the largest shapes do not take hours. */
const MAX_SECONDS = 10;
/** The fewest that have a median and a spread. */
const MIN_SAMPLES = 3;

/** Times of `call` in nanoseconds. `call` gets the number of calls before it. */
export async function takeSamples(
  call: (index: number) => Promise<unknown>,
  { warmup, repetitions }: SampleOptions,
  signal: AbortSignal,
  stopwatch: Stopwatch = new Stopwatch(),
): Promise<number[]> {
  const samples: number[] = [];
  let total = 0;
  for (let index = 0; index < warmup + repetitions; index++) {
    signal.throwIfAborted();
    const elapsed = await stopwatch.time(() => call(index));
    if (index >= warmup) samples.push(elapsed);
    total += elapsed;
    if (total > MAX_SECONDS * 1e9 && samples.length >= Math.min(MIN_SAMPLES, repetitions)) break;
  }
  return samples;
}

/** The value at a fraction of the sorted samples, 0.5 for the median, interpolated between neighbours. */
export function quantile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const position = (sorted.length - 1) * fraction;
  const below = Math.floor(position);
  const next = sorted[Math.min(below + 1, sorted.length - 1)];
  return sorted[below] + (next - sorted[below]) * (position - below);
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/** Half of the samples lie within this many per cent of the median, from the first quartile to the third. */
export function spreadPercent(samples: readonly number[]): number {
  return (100 * (quantile(samples, 0.75) - quantile(samples, 0.25))) / median(samples);
}
