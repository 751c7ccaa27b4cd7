import { CheckFailedError } from './errors.ts';
import { signedPercent } from './eval-tables.ts';

/** A row by what it changed. */
interface ChangedRow {
  config: string;
  deltaPercent: number;
}

export interface ChangeReport {
  /** Against the first of them. */
  rows: readonly ChangedRow[];
  /** Against an earlier run. */
  baseline?: { file: string; config: string; rows: readonly ChangedRow[] };
}

/**
 * What a limit on the increase of the perplexity says of a run: nothing if it holds, or if there is none. Rows count
 * against the baseline, or without one against the first row.
 */
export function increaseFailure(
  { rows, baseline }: ChangeReport,
  limitPercent: number | undefined,
): CheckFailedError | undefined {
  if (limitPercent === undefined) return undefined;
  const against = baseline ? `${baseline.config} of ${baseline.file}` : rows[0].config;
  // What is not a number is above any limit.
  const above = (baseline?.rows ?? rows.slice(1)).filter(({ deltaPercent }) => !(deltaPercent <= limitPercent));
  if (above.length === 0) return undefined;
  const { config, deltaPercent } = above.reduce((a, b) => (a.deltaPercent >= b.deltaPercent ? a : b));
  const message =
    `${config}: the perplexity changed by ${signedPercent(deltaPercent)} against ${against}, ` +
    `over the limit of ${limitPercent} %`;
  return new CheckFailedError(message, {
    code: 'E_PERPLEXITY_INCREASE',
    details: { config, against, value: deltaPercent, limit: limitPercent, configs: above.map((row) => row.config) },
  });
}
