import { InputError } from '../../quant/errors.ts';
import { compare, type Comparison, type WindowLosses } from './comparison.ts';
import type { PreparedText, Window } from './protocol.ts';
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
  requireSameTokens(run, baseline);
  const { windows } = run.text;
  const reference = splitByWindow(baseline.rows[0].losses, windows);
  return run.rows.map(({ config, losses }) => {
    const own = splitByWindow(losses, windows);
    return { config, windows: Math.min(own.length, reference.length), ...compare(own, reference, windows) };
  });
}

/**
 * Refuses a baseline with which nothing can be compared. For a check before the work begins.
 *
 * @throws InputError `E_BASELINE_MISMATCH`, naming both values
 */
export function requireSameTokens(
  { text, tokenizerSha256 }: Pick<CurrentRun, 'text' | 'tokenizerSha256'>,
  baseline: SavedResult,
): void {
  const own = new Map(Object.entries({ ...text.protocol, tokenizerSha256 }));
  const other = new Map(Object.entries({ ...baseline.protocol, tokenizerSha256: baseline.tokenizerSha256 }));
  // In this order, the first difference explains those after it.
  for (const member of ['name', 'textSha256', 'tokenizerSha256', ...own.keys()]) {
    if (own.get(member) === other.get(member)) continue;
    const [here, there] = [own.get(member), other.get(member)].map(String);
    throw new InputError(`the baseline has another ${names[member] ?? member}: ${there}, this run has ${here}`, {
      code: 'E_BASELINE_MISMATCH',
      hint: 'perplexities compare only by the same protocol, on the same text, with the same tokenizer',
      details: { member, baseline: there, value: here },
    });
  }
}

const names: Readonly<Record<string, string>> = {
  name: 'protocol',
  textSha256: 'text (SHA-256)',
  tokenizerSha256: 'tokenizer.json (SHA-256)',
  windows: 'number of windows',
};

/** As many windows as there are losses for. */
function splitByWindow(losses: Float32Array, windows: readonly Window[]): WindowLosses {
  const split: Float32Array[] = [];
  let at = 0;
  for (const { tokenIds, firstTarget } of windows) {
    const end = at + tokenIds.length - firstTarget;
    if (end > losses.length) break;
    split.push(losses.subarray(at, end));
    at = end;
  }
  return split;
}
