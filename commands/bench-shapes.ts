import { benchLinear, type LinearRow, type LinearShape } from '../kernels/bench/bench-linear.ts';
import { WrongResultError } from '../kernels/bench/check-kernel.ts';
import { linearKernels } from '../kernels/bench/linear-kernel.ts';
import { largestPeak, type MachinePeak } from '../kernels/bench/peak.ts';
import type { Clock } from '../kernels/bench/samples.ts';
import { openReferenceBackend } from '../kernels/reference/backend.ts';
import type { GroupSize } from '../quant/schemes/scheme.ts';
import { openBackend } from './backend.ts';
import type { BenchFlags } from './bench-flags.ts';
import { csvHeader, csvLine, describeShape } from './bench-tables.ts';
import { CheckFailedError } from './errors.ts';
import type { CommandContext, CommandOutcome } from './run-command.ts';

/** The six shapes of the original cider's table: layers of models with 2 and 7 billion parameters. */
export const DEFAULT_SHAPES: readonly LinearShape[] = [
  { n: 3584, k: 3584 },
  { n: 18_944, k: 3584 },
  { n: 3584, k: 18_944 },
  { n: 2560, k: 2560 },
  { n: 10_240, k: 2560 },
  { n: 2560, k: 10_240 },
];
export const DEFAULT_ROWS: readonly number[] = [1, 128, 1024, 4096, 8192];
export const DEFAULT_GROUP_SIZE: GroupSize = 128;

/** Above this the median says little. */
const MAX_SPREAD_PERCENT = 5;

/** Times linear layers of each shape. @throws CheckFailedError if a kernel's result is wrong */
export async function benchShapes(flags: BenchFlags, { output, signal }: CommandContext): Promise<CommandOutcome> {
  const shapes = flags.shape ?? DEFAULT_SHAPES;
  const rowCounts = flags.m ?? DEFAULT_ROWS;
  const kernels = linearKernels(flags.gs ?? DEFAULT_GROUP_SIZE);
  const { backend, used } = await openBackend(flags, output);
  const total = shapes.length * rowCounts.length * kernels.length;
  const progress = output.progress({ label: 'bench', total, unit: 'measurements' });
  const peaks: MachinePeak[] = [];
  const rows: LinearRow[] = [];
  let clock: Clock = 'host';
  try {
    if (flags.format === 'csv') output.print(csvHeader);
    for (const shape of shapes) {
      const { decode, warmup, repetitions } = flags;
      const request = { kernels, rows: rowCounts, decode, warmup, repetitions };
      const measured = await benchLinear(backend, openReferenceBackend(), shape, request, {
        signal,
        onRow: (row) => {
          rows.push(row);
          progress.update(rows.length, `${row.kernel} ${row.n}x${row.k}, M = ${row.m}`);
        },
      });
      if (measured.peak) peaks.push(measured.peak);
      clock = measured.clock;
      output.print(
        flags.format === 'csv'
          ? measured.rows.map(csvLine).join('\n')
          : describeShape(shape, measured, kernels, flags.format === 'md'),
      );
    }
    progress.finish();
    warnOfSpread(rows, output.warn.bind(output));
    if (used.name === 'metal' && process.env['CIDER_METAL_RUNTIME'] !== undefined) {
      output.warn('metal ran over CIDER_METAL_RUNTIME: these times say nothing about a GPU');
    }
    const { isa, threads } = used;
    output.note(`${used.name} ${isa}, threads: ${threads}; ${protocol(flags, clock)}`);
    return { result: { peak: largestPeak(peaks) ?? null, threads, decode: flags.decode, clock, rows }, backend: used };
  } catch (error) {
    throw error instanceof WrongResultError ? wrongResult(error) : error;
  } finally {
    progress.finish();
    backend.close();
  }
}

const protocol = ({ decode, warmup, repetitions }: BenchFlags, clock: Clock): string =>
  `medians of ${repetitions} after ${warmup}; weights cold, quantization of activations ` +
  `${clock === 'device' ? "included, by the GPU's clock" : 'and FFI included'}; single rows by ${decode}`;

function warnOfSpread(rows: readonly LinearRow[], warn: (text: string) => void): void {
  const noisy = rows.filter(({ spreadPercent }) => spreadPercent > MAX_SPREAD_PERCENT);
  if (noisy.length === 0) return;
  const worst = noisy.reduce((a, b) => (b.spreadPercent > a.spreadPercent ? b : a));
  warn(
    `${noisy.length} of ${rows.length} measurements spread by more than ${MAX_SPREAD_PERCENT} %, most ` +
      `${worst.kernel} ${worst.n}x${worst.k}, M = ${worst.m}: ${worst.spreadPercent.toFixed(0)} %; is the machine busy?`,
  );
}

function wrongResult(error: WrongResultError): CheckFailedError {
  return new CheckFailedError(error.message, {
    code: 'E_WRONG_RESULT',
    hint: 'nothing was timed; cider verify-bitexact tells more',
    cause: error,
  });
}
