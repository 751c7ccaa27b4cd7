import type { ComparisonRow } from '../eval/compare/compare-models.ts';
import { outputKinds, type LayerError } from '../eval/compare/layer-errors.ts';
import type { Protocol } from '../eval/perplexity/protocol.ts';
import { plotLayers } from '../eval/plot/layer-plot.ts';
import { describeProtocol, measureOf } from './eval-report.ts';
import { divergenceCells, logRatio, plusMinus, signedPercent, tableOf, type Cells } from './eval-tables.ts';
import { formatBytes, formatTable, left, printable, right } from './text.ts';

/** What the tables and the picture are about. */
export interface ComparisonReport {
  /** Name of the text. */
  data: string;
  protocol: Protocol;
  /** Windows over which layers were compared. */
  layerWindows: number;
  /** The first is what the others are compared with. */
  rows: readonly ReportedRow[];
}

export interface ReportedRow extends ComparisonRow {
  model: string;
  config: string;
}

/** Stands where a value does not exist, as of a results file. */
const NONE = '-';

/** The result of `compare` as text: what it was measured by, then a table of the models, then one of their layers. */
export function describeComparison(report: ComparisonReport): string {
  const { data, protocol, rows } = report;
  const [first, ...others] = rows;
  const lines = [
    `text      ${printable(data)}, SHA-256 ${protocol.textSha256}`,
    `protocol  ${describeProtocol(protocol)}`,
    '',
    modelTable(protocol, rows),
  ];
  if (others.some(({ divergence }) => divergence)) {
    const name = printable(first.name);
    lines.push('', `distributions against ${name}, which is in memory beside the others; KL in nats`, '');
    lines.push(tableOf([nameCells, ...divergenceCells(NONE)], others));
  }
  if (others.some(({ layers }) => layers)) lines.push('', ...describeLayers(report));
  return lines.join('\n');
}

const nameCells: Cells<ReportedRow> = { column: left('checkpoint'), cell: ({ name }) => printable(name) };

function modelTable(protocol: Protocol, rows: readonly ReportedRow[]): string {
  const cell = (title: string, ofRow: (row: ReportedRow) => string | undefined): Cells<ReportedRow> => ({
    column: right(title),
    cell: (row) => ofRow(row) ?? NONE,
  });
  const bytes = (value: number | undefined): string | undefined =>
    value === undefined ? undefined : formatBytes(value);
  return tableOf(
    [
      nameCells,
      { column: left('config'), cell: ({ config }) => printable(config) },
      cell(measureOf(protocol), ({ perplexity, standardError }) => plusMinus(perplexity, standardError, 4)),
      cell('change', ({ comparison, deltaPercent }) => comparison && signedPercent(deltaPercent)),
      cell('ln(ppl ratio)', ({ comparison }) => comparison && logRatio(comparison)),
      cell('weights', ({ modelBytes }) => bytes(modelBytes)),
      cell('tokens/s', ({ tokensPerSecond }) => tokensPerSecond?.toFixed(0)),
      cell('peak memory', ({ peakMemoryBytes }) => bytes(peakMemoryBytes)),
    ],
    rows,
  );
}

interface MeasuredRow {
  name: string;
  layers: readonly LayerError[];
}

const measuredRows = ({ rows }: ComparisonReport): MeasuredRow[] =>
  rows.flatMap(({ name, layers }) => (layers ? [{ name, layers }] : []));

function describeLayers(report: ComparisonReport): string[] {
  const [{ name }] = report.rows;
  const rows = measuredRows(report);
  const columns = rows.flatMap((row) => [right(printable(row.name)), right('attention'), right('MLP')]);
  const table = rows[0].layers.map((_, layer) => [
    String(layer),
    ...rows.flatMap(({ layers }) => outputKinds.map((kind) => decibels(layers[layer][kind].median))),
  ]);
  return [
    `signal to quantization noise against ${printable(name)} in dB, ${medianOf(report)}: residual stream after each`,
    'layer, and what attention and MLP add to it',
    '',
    formatTable([right('layer'), ...columns], table),
    '',
    ...rows.map(describeLowest),
  ];
}

const medianOf = ({ layerWindows }: ComparisonReport): string =>
  `median of the tokens of ${layerWindows} ${layerWindows === 1 ? 'window' : 'windows'}`;

/** `w4a8: lowest in attention of layer 3, 14.2 dB`. */
function describeLowest({ name, layers }: MeasuredRow): string {
  const branches = layers.flatMap((layer, index) =>
    (['attention', 'mlp'] as const).map((kind) => ({ kind, index, value: layer[kind].median })),
  );
  const { kind, index, value } = branches.reduce((a, b) => (a.value <= b.value ? a : b));
  return `${printable(name)}: lowest in ${kind === 'mlp' ? 'the MLP' : 'attention'} of layer ${index}, ${decibels(value)} dB`;
}

const decibels = (value: number): string => (value === Infinity ? 'exact' : value.toFixed(1));

/** The errors by layer as SVG; undefined if there are none. */
export function drawComparison(report: ComparisonReport): string | undefined {
  const rows = measuredRows(report);
  if (rows.length === 0) return undefined;
  return plotLayers({
    title: `What the layers lose against ${report.rows[0].name}`,
    subtitle: `${report.data}, ${describeProtocol(report.protocol)}; ${medianOf(report)}`,
    panels: [
      'residual stream after the layer: signal to quantization noise (dB)',
      'what attention adds to it (dB)',
      'what the MLP adds to it (dB)',
    ],
    series: rows.map(({ name, layers }) => ({
      name,
      values: outputKinds.map((kind) => layers.map((layer) => layer[kind].median)),
    })),
  });
}
