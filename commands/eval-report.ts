import type { EvaluationRow } from '../eval/evaluation-row.ts';
import type { BaselineComparison } from '../eval/perplexity/baseline.ts';
import type { Protocol } from '../eval/perplexity/protocol.ts';
import { divergenceCells, logRatio, plusMinus, signedPercent, tableOf, type Cells } from './eval-tables.ts';
import { formatBytes, formatTable, left, printable, right } from './text.ts';

/** What the tables are about. */
export interface EvaluationReport {
  model: string;
  /** Name of the text. */
  data: string;
  protocol: Protocol;
  rows: readonly EvaluationRow[];
  /** If the rows were compared with an earlier run. */
  baseline?: BaselineReport;
}

export interface BaselineReport {
  file: string;
  /** Of the saved run. */
  model: string;
  config: string;
  /** This run's rows. */
  rows: readonly BaselineComparison[];
}

/** The result of `eval-ppl` as text: what it was measured by, then one table over the configurations, then another. */
export function describeEvaluation({ model, data, protocol, rows, baseline }: EvaluationReport): string {
  const lines = [
    `model     ${printable(model)}`,
    `text      ${printable(data)}, SHA-256 ${protocol.textSha256}`,
    `protocol  ${describeProtocol(protocol)}`,
    '',
    perplexityTable(protocol, rows),
  ];
  const divergences = divergenceTable(rows);
  if (divergences !== undefined) lines.push('', `distributions against ${rows[0].config}, KL in nats`, '', divergences);
  if (baseline) {
    const { file, model: other, config } = baseline;
    lines.push(
      '',
      `against ${printable(config)} of ${printable(other)} (${printable(file)})`,
      '',
      baselineTable(baseline),
    );
  }
  return lines.join('\n');
}

/** A protocol with all of its parameters, in one line. */
export function describeProtocol(protocol: Protocol): string {
  const { name, ctx, windows, tokens, scored, bos } = protocol;
  const scores = `${scored} of ${tokens} tokens scored`;
  switch (name) {
    case 'gptq':
      return `gptq, ctx ${ctx}: ${windows} windows, ${scores}, BOS: ${bos ? 'at the start of the text' : 'none'}`;
    case 'llama.cpp':
      return `llama.cpp, ctx ${ctx}: ${windows} windows, their second halves, ${scores}, BOS: ${bos ? "in place of each window's first token" : 'none'}`;
    case 'stride':
      return `stride, ctx ${ctx}, stride ${protocol.stride}: ${windows} windows, ${scores}, BOS: ${bos ? 'at the start of the text' : 'none'}`;
    case 'word':
      return `word, ctx ${ctx}: ${protocol.pages} pages of ${protocol.words} words and ${protocol.bytes} bytes in ${windows} windows, ${scores}, ${bos ? 'BOS' : 'EOS'} before each page`;
  }
}

/** What the perplexity of a protocol is of. */
export const measureOf = ({ name }: Protocol): string => (name === 'word' ? 'word perplexity' : 'perplexity');

function perplexityTable(protocol: Protocol, rows: readonly EvaluationRow[]): string {
  const isPartial = ({ windows }: EvaluationRow): boolean => windows < protocol.windows;
  const cells: Cells<EvaluationRow>[] = [
    {
      column: left('config'),
      cell: (row) => (isPartial(row) ? `${row.config} [${row.windows}/${protocol.windows}]` : row.config),
    },
    {
      column: right(protocol.name === 'word' ? 'word_ppl' : 'perplexity'),
      cell: ({ perplexity, standardError }) => plusMinus(perplexity, standardError, 4),
    },
  ];
  if (protocol.name === 'word') {
    cells.push(
      { column: right('byte_ppl'), cell: ({ bytePerplexity }) => bytePerplexity?.toFixed(4) ?? '' },
      { column: right('bits/byte'), cell: ({ bitsPerByte }) => bitsPerByte?.toFixed(4) ?? '' },
    );
  }
  cells.push(
    { column: right('change'), cell: ({ deltaPercent }, index) => (index === 0 ? '' : signedPercent(deltaPercent)) },
    { column: right('prefill s'), cell: ({ seconds }) => seconds.toFixed(2) },
    { column: right('tokens/s'), cell: ({ tokensPerSecond }) => tokensPerSecond.toFixed(0) },
    { column: right('peak memory'), cell: ({ peakMemoryBytes }) => formatBytes(peakMemoryBytes) },
    { column: right('weights'), cell: ({ modelBytes }) => formatBytes(modelBytes) },
  );
  return tableOf(cells, rows);
}

/** Undefined where no divergences were measured. */
function divergenceTable(rows: readonly EvaluationRow[]): string | undefined {
  if (!rows.some(({ divergence }) => divergence)) return undefined;
  return tableOf(
    [
      { column: left('config'), cell: ({ config }) => config },
      ...divergenceCells(''),
      { column: right('ln(ppl ratio)'), cell: ({ comparison }) => (comparison ? logRatio(comparison) : '') },
    ],
    rows.slice(1),
  );
}

function baselineTable({ rows }: BaselineReport): string {
  return formatTable(
    [left('config'), right('windows'), right('change'), right('ln(ppl ratio)')],
    rows.map((row) => [row.config, String(row.windows), signedPercent(row.deltaPercent), logRatio(row)]),
  );
}
