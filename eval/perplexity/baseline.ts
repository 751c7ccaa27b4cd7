import { InputError } from '../../quant/errors.ts';
import { compare, type Comparison } from './comparison.ts';
import { spansOf, splitLosses } from './loss-spans.ts';
import type { PreparedText } from './protocol.ts';
import type { SavedResult, SavedRow } from './saved-result.ts';

/** A row against the first configuration of an earlier run. */
export interface BaselineComparison extends Comparison {
  config: string;
  /** Windows that both runs have. */
  windows: number;
}

export interface CurrentRun {
  text: PreparedText;
  /** SHA-256 of tokenizer.json. */
  tokenizerSha256: string;
  rows: readonly SavedRow[];
}

/**
 * Compares the rows of a run with the first one of an earlier run, token by token.
 *
 * @throws InputError `E_BASELINE_MISMATCH` if the runs did not score the same tokens in the same way
 */
export function compareToBaseline(run: CurrentRun, baseline: SavedResult): BaselineComparison[] {
  const { windows, protocol } = run.text;
  requireSameTokens({ ...run, protocol }, baseline);
  const spans = spansOf(windows);
  const reference = splitLosses(baseline.rows[0].losses, spans);
  return run.rows.map(({ config, losses }) => {
    const own = splitLosses(losses, spans);
    return { config, windows: Math.min(own.length, reference.length), ...compare(own, reference, spans) };
  });
}

/** What decides which tokens are scored, and how. */
export type ScoredTokens = Pick<SavedResult, 'protocol' | 'tokenizerSha256'>;

/**
 * Refuses a baseline with which nothing can be compared. For a check before the work begins.
 *
 * @param names of both in the message
 * @throws InputError `E_BASELINE_MISMATCH`, naming both values
 */
export function requireSameTokens(
  { protocol, tokenizerSha256 }: ScoredTokens,
  baseline: ScoredTokens,
  names = { run: 'this run', baseline: 'the baseline' },
): void {
  const own = new Map(Object.entries({ ...protocol, tokenizerSha256 }));
  const other = new Map(Object.entries({ ...baseline.protocol, tokenizerSha256: baseline.tokenizerSha256 }));
  // In this order, the first difference explains those after it.
  for (const member of ['name', 'textSha256', 'tokenizerSha256', ...own.keys()]) {
    if (own.get(member) === other.get(member)) continue;
    const [here, there] = [own.get(member), other.get(member)].map(String);
    const what = members[member] ?? member;
    throw new InputError(`${names.baseline} has another ${what}: ${there}, ${names.run} has ${here}`, {
      code: 'E_BASELINE_MISMATCH',
      hint: 'perplexities compare only by the same protocol, on the same text, with the same tokenizer',
      details: { member, baseline: there, value: here },
    });
  }
}

const members: Readonly<Record<string, string>> = {
  name: 'protocol',
  textSha256: 'text (SHA-256)',
  tokenizerSha256: 'tokenizer.json (SHA-256)',
  windows: 'number of windows',
};
