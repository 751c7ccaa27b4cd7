import type { LinearRow, LinearShape } from '../kernels/bench/bench-linear.ts';
import type { LinearKernel } from '../kernels/bench/linear-kernel.ts';
import type { MachinePeak } from '../kernels/bench/peak.ts';
import { formatTable, type Column } from './text.ts';

/** What a layer costs is told relative to these: dense weights, and 8-bit weights alone. */
const BASELINES = ['bf16', 'w8a16'] as const;

const csvFields = ['n', 'k', 'm', 'kernel', 'medianMs', 'gops', 'gbs', 'percentOfPeak', 'spreadPercent'] as const;

export const csvHeader: string = csvFields.join(',');

/** Figures with six digits, and nothing for those that are not known. */
export function csvLine(row: LinearRow): string {
  return csvFields
    .map((field) => {
      const value = row[field];
      return typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(6) : String(value ?? '');
    })
    .join(',');
}

/** The times of a shape, how they compare, and what they are of the machine's peak. */
export function describeShape(
  { n, k }: LinearShape,
  { peak, rows }: { peak: MachinePeak | undefined; rows: readonly LinearRow[] },
  kernels: readonly Pick<LinearKernel, 'name' | 'operands'>[],
  markdown: boolean,
): string {
  const names = kernels.map(({ name }) => name);
  const quantized = kernels.filter(({ operands }) => operands === 'int8').map(({ name }) => name);
  const pairs = BASELINES.flatMap((baseline) => quantized.map((name) => [name, baseline] as const));
  const counts = [...new Set(rows.map(({ m }) => m))];
  const find = (m: number, kernel: string): LinearRow | undefined =>
    rows.find((row) => row.m === m && row.kernel === kernel);
  const table = (titles: readonly string[], cells: (m: number) => readonly string[]): string => {
    const lines = counts.map((m) => [String(m), ...cells(m)]);
    return markdown ? markdownTable(['M', ...titles], lines) : plainTable(['M', ...titles], lines);
  };
  return [
    `${markdown ? '### ' : ''}N x K = ${n} x ${k}, milliseconds`,
    table(names, (m) => names.map((name) => formatMs(find(m, name)?.medianMs))),
    'how many times as fast',
    table(
      pairs.map((pair) => pair.join('/')),
      (m) => pairs.map(([name, baseline]) => formatRatio(find(m, baseline)?.medianMs, find(m, name)?.medianMs)),
    ),
    peak ? `GOPS or GB/s, and per cent of the peak: ${describePeak(peak)}` : 'GOPS; the peak is not known',
    table(names, (m) => names.map((name) => formatRate(find(m, name), peak))),
    '',
  ].join(markdown ? '\n\n' : '\n');
}

const describePeak = ({ int8Gops, bf16Gops, f32Gops, readGBs }: MachinePeak): string => {
  const bf16 = bf16Gops > 0 ? `bf16 ${bf16Gops.toFixed(0)}, ` : '';
  return `int8 ${int8Gops.toFixed(0)}, ${bf16}f32 ${f32Gops.toFixed(0)} GOPS, memory ${readGBs.toFixed(1)} GB/s`;
};

/** Three digits or more, without an exponent for large figures. */
export const formatFigure = (value: number): string => (value < 1000 ? value.toPrecision(3) : value.toFixed(0));

const formatMs = (ms: number | undefined): string => (ms === undefined ? '' : formatFigure(ms));

const formatRatio = (baseline: number | undefined, ms: number | undefined): string =>
  baseline === undefined || ms === undefined ? '' : `${(baseline / ms).toFixed(2)}x`;

/** The figure that is nearer to its peak. */
function formatRate(row: LinearRow | undefined, peak: MachinePeak | undefined): string {
  if (!row) return '';
  if (!peak || row.percentOfPeak === null) return formatFigure(row.gops);
  const isBoundByMemory = Math.abs((100 * row.gbs) / peak.readGBs - row.percentOfPeak) < 1e-6;
  const rate = isBoundByMemory ? `${formatFigure(row.gbs)} GB/s` : formatFigure(row.gops);
  return `${rate} ${row.percentOfPeak.toFixed(0)} %`;
}

function plainTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  return formatTable(
    titles.map((title): Column => ({ title, align: 'right' })),
    rows,
  );
}

export function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---:')), ...rows.map(line)].join('\n');
}
