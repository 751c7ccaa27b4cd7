import type { CheckedNeighbour, LimitedDifference } from '../eval/neighbours/check-neighbour.ts';
import type { NeighbourName } from '../eval/neighbours/neighbour.ts';
import { BackendUnavailableError, type CiderError } from '../quant/errors.ts';
import { CheckFailedError } from './errors.ts';
import { formatBytes, formatTable, left, printable, right } from './text.ts';

/** What became of a neighbour. */
export type NeighbourRow = {
  name: NeighbourName;
  /** That it needs, with their versions, those that are installed. */
  packages: Readonly<Record<string, string>>;
} & (CheckedNeighbour | { verdict: 'skipped' | 'not-installed'; reason: string });

/** The `result` of the JSON document. */
export interface CheckReport {
  model: string;
  /** How it is quantized, as one word. */
  config: string;
  python: { path: string; version: string } | null;
  /** That were compared; none where nobody was asked. */
  tokens: readonly number[];
  /** How many of them are the prompt's; the rest are what the model went on with. */
  promptTokens: number;
  neighbours: readonly NeighbourRow[];
}

type Measured = Extract<NeighbourRow, { verdict: 'ok' | 'differs' }>;
const isMeasured = (row: NeighbourRow): row is Measured => row.verdict === 'ok' || row.verdict === 'differs';

const verdicts: Record<NeighbourRow['verdict'], string> = {
  ok: 'ok',
  differs: 'DIFFERS',
  failed: 'CANNOT LOAD',
  skipped: 'skipped',
  'not-installed': 'not installed',
};

export function describeCheck({ model, config, python, tokens, promptTokens, neighbours }: CheckReport): string {
  const head = [
    `model   ${model}: ${config}`,
    `python  ${python ? `${python.version}, ${python.path}` : 'none'}`,
    ...(tokens.length > 0
      ? [`tokens  ${tokens.length}: ${promptTokens} of the prompt, then the likeliest; KL in nats, against cider`]
      : []),
  ];
  const notes = neighbours.flatMap((row) =>
    (isMeasured(row) ? row.notes : [row.reason]).map((text) => `${row.name}: ${text}`),
  );
  const skipped = neighbours.some(isMeasured) ? [] : ['nothing was compared'];
  return [
    printable(head[0]),
    ...head.slice(1).map(printable),
    '',
    tableOf(neighbours),
    '',
    ...notes.map(printable),
    ...skipped,
  ]
    .join('\n')
    .trimEnd();
}

function tableOf(rows: readonly NeighbourRow[]): string {
  const columns = [
    left('neighbour'),
    left('version'),
    left('verdict'),
    right('mean KL'),
    right('limit'),
    right('max KL'),
    right('difference'),
    right('same top'),
    right('perplexity (ours)'),
    right('seconds'),
    right('memory'),
  ];
  return formatTable(columns, rows.flatMap(linesOf));
}

/** What was computed with float activations has a line of its own. */
function linesOf(row: NeighbourRow): string[][] {
  const identity = [row.name, printable(Object.values(row.packages)[0] ?? '-'), verdicts[row.verdict]];
  if (!isMeasured(row)) return [[...identity, ...Array<string>(8).fill('-')]];
  const { loadSeconds, runSeconds, peakMemoryBytes, floatActivations } = row;
  const costs = [(loadSeconds + runSeconds).toFixed(1), formatBytes(peakMemoryBytes)];
  const asRun = [...identity, ...measures(row), ...costs];
  return floatActivations ? [asRun, ['  float activations', '', '', ...measures(floatActivations), '', '']] : [asRun];
}

const measures = ({ meanKl, limit, maxKl, maxRelative, sameTop, perplexity }: LimitedDifference): string[] => [
  meanKl.toExponential(1),
  String(limit),
  maxKl.toExponential(1),
  `${(100 * maxRelative).toPrecision(2)} %`,
  `${(100 * sameTop).toFixed(0)} %`,
  `${perplexity.theirs.toFixed(3)} (${perplexity.ours.toFixed(3)})`,
];

/** A neighbour that differs or cannot load comes before one that is required and not there. */
export function checkFailure(
  { neighbours, model }: CheckReport,
  required: readonly NeighbourName[],
): CiderError | undefined {
  const bad = neighbours.find(({ verdict }) => verdict === 'differs' || verdict === 'failed');
  if (bad) return bad.verdict === 'differs' ? differs(bad, model) : cannotLoad(bad, model);
  const missing = neighbours.find((row) => required.includes(row.name) && !isMeasured(row));
  if (!missing || isMeasured(missing)) return undefined;
  return new BackendUnavailableError(`${missing.name} is required and was not asked: ${missing.reason}`, {
    code: 'E_NEIGHBOUR_UNAVAILABLE',
    hint: 'name an interpreter that has its packages with --python or CIDER_PYTHON',
    details: { neighbour: missing.name, reason: missing.reason },
  });
}

function differs({ name, floatActivations, ...asRun }: Measured, model: string): CheckFailedError {
  const isAbove = ({ meanKl, limit }: LimitedDifference): boolean => !(meanKl <= limit);
  const isOfWeights = floatActivations !== undefined && isAbove(floatActivations);
  const { meanKl, limit } = isOfWeights ? floatActivations : asRun;
  const by = `mean KL divergence ${meanKl.toPrecision(3)} nats${isOfWeights ? ' with float activations' : ''}`;
  return new CheckFailedError(
    `${name} reads another model than cider from ${model}: ${by}, over the limit of ${limit}`,
    {
      code: 'E_NEIGHBOUR_DIFFERS',
      details: { neighbour: name, file: model, value: meanKl, limit, floatActivations: isOfWeights },
    },
  );
}

function cannotLoad(row: NeighbourRow, model: string): CheckFailedError {
  const reason = 'reason' in row ? row.reason : '';
  return new CheckFailedError(`${row.name} cannot load ${model}: ${reason}`, {
    code: 'E_NEIGHBOUR_FAILED',
    details: { neighbour: row.name, file: model, reason },
  });
}
