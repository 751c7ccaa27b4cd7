import { requireSameTokens, type ScoredTokens } from '../eval/perplexity/baseline.ts';
import { savedSpans, spansOf, type LossSpan } from '../eval/perplexity/loss-spans.ts';
import type { Protocol } from '../eval/perplexity/protocol.ts';
import { UsageError } from '../quant/errors.ts';
import type { CompareFlags } from './compare-flags.ts';
import { isCheckpoint, type ResultSubject, type Subject } from './compare-subjects.ts';
import type { EncodedText } from './eval-text.ts';

/** The tokens that all subjects were or will be scored on. */
export interface ComparedTokens {
  /** Name of the text. */
  data: string;
  protocol: Protocol;
  /** Of the losses. */
  spans: readonly LossSpan[];
}

/** @throws UsageError `E_NOTHING_TO_COMPARE` */
export function checkArguments(args: readonly string[]): void {
  if (args.length > 1) return;
  throw new UsageError(`there is nothing to compare ${args[0]} with`, {
    code: 'E_NOTHING_TO_COMPARE',
    hint: 'name two checkpoints or more, the baseline first',
    details: { model: args[0] },
  });
}

/**
 * Options that nothing would come of.
 *
 * @throws UsageError `E_NOTHING_TO_RUN`, `E_NOTHING_TO_DRAW`
 */
export function checkOptions(subjects: readonly Subject[], flags: CompareFlags): void {
  const { data, ctx, stride, samples, plot, layerWindows } = flags;
  const given = Object.entries({ data, ctx, stride, samples }).find(([, value]) => value !== undefined);
  if (given && !subjects.some(isCheckpoint)) {
    throw new UsageError(`--${given[0]} ${given[1]}: results files are compared as they are, nothing is run`, {
      code: 'E_NOTHING_TO_RUN',
      hint: `leave --${given[0]} away, or name checkpoints`,
      details: { option: given[0], value: given[1] },
    });
  }
  const hasLayers = layerWindows > 0 && isCheckpoint(subjects[0]) && subjects.slice(1).some(isCheckpoint);
  if (plot === undefined || hasLayers) return;
  throw new UsageError(`--plot ${plot}: there are no layers to draw`, {
    code: 'E_NOTHING_TO_DRAW',
    hint: 'name two checkpoints, one of them first, and leave --layer-windows above 0',
    details: { file: plot, layerWindows },
  });
}

/**
 * Tokens of subjects that are all results.
 *
 * @throws InputError `E_BASELINE_MISMATCH` and those of `savedSpans`
 */
export function tokensOfResults(results: readonly ResultSubject[]): ComparedTokens {
  const [{ saved, file }] = results;
  checkResults(results, saved, file);
  return { data: saved.data, protocol: saved.protocol, spans: savedSpans(saved, file) };
}

/**
 * Tokens of a run, beside which there may be results.
 *
 * @throws as `tokensOfResults`
 */
export function tokensOfRun(
  results: readonly ResultSubject[],
  { data, text, tokenizerSha256 }: EncodedText,
): ComparedTokens {
  checkResults(results, { protocol: text.protocol, tokenizerSha256 }, 'this run');
  return { data, protocol: text.protocol, spans: spansOf(text.windows) };
}

function checkResults(results: readonly ResultSubject[], tokens: ScoredTokens, run: string): void {
  for (const { saved, file } of results) {
    requireSameTokens(tokens, saved, { run, baseline: file });
    savedSpans(saved, file);
  }
}
