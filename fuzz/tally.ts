import type { Outcome } from './run-case.ts';

/** What a failure is: thrown without a type, an end of the process, no end, or too much memory. */
export type FailureKind = 'untyped' | 'crash' | 'hang' | 'memory';

/** Counts of outcomes. */
export interface Tally {
  inputs: number;
  accepted: number;
  /** By code. */
  rejected: Record<string, number>;
  /** Ended in what cider runs with limits of its own. */
  ended: number;
  failures: number;
}

export const emptyTally = (): Tally => ({ inputs: 0, accepted: 0, rejected: {}, ended: 0, failures: 0 });

export function count(tally: Tally, outcome: Outcome): void {
  tally.inputs++;
  if (outcome.kind === 'accepted') tally.accepted++;
  else if (outcome.kind === 'untyped') tally.failures++;
  else tally.rejected[outcome.code] = (tally.rejected[outcome.code] ?? 0) + 1;
}

/** Adds `part` to `total`. */
export function addTally(total: Tally, part: Tally): void {
  total.inputs += part.inputs;
  total.accepted += part.accepted;
  total.ended += part.ended;
  total.failures += part.failures;
  for (const [code, times] of Object.entries(part.rejected)) {
    total.rejected[code] = (total.rejected[code] ?? 0) + times;
  }
}

/** One line for each target, and the codes of its rejections, the most frequent first. */
export function tallyTable(
  rows: readonly { name: string; tally: Tally; seconds: number; peakBytes: number }[],
): string {
  const head = ['target', 'inputs', 'inputs/s', 'accepted', 'codes', 'ended', 'failures', 'peak MiB'];
  const lines = rows.map(({ name, tally, seconds, peakBytes }) => [
    name,
    String(tally.inputs),
    String(Math.round(tally.inputs / Math.max(seconds, 0.001))),
    `${((100 * tally.accepted) / Math.max(tally.inputs, 1)).toFixed(1)}%`,
    String(Object.keys(tally.rejected).length),
    String(tally.ended),
    String(tally.failures),
    String(Math.ceil(peakBytes / 2 ** 20)),
  ]);
  const widths = head.map((title, i) => Math.max(...[head, ...lines].map((line) => line[i].length), title.length));
  const format = (line: readonly string[]) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  return [head, ...lines].map(format).join('\n');
}
