import { evaluate, type EvaluationRequest } from '../eval/evaluate.ts';
import { fingerprintOf } from '../eval/evaluation-fingerprint.ts';
import { evaluationRows } from '../eval/evaluation-row.ts';
import { compareToBaseline } from '../eval/perplexity/baseline.ts';
import { savedRows, type SavedResult } from '../eval/perplexity/saved-result.ts';
import type { WindowResult } from '../eval/perplexity/window-result.ts';
import type { OpenedBackend } from './backend.ts';
import { increaseFailure } from './eval-increase.ts';
import { failureOf, type EvalOutputs } from './eval-outputs.ts';
import type { EvalFlags } from './eval-ppl-flags.ts';
import { describeEvaluation, type EvaluationReport } from './eval-report.ts';
import { KeptResults } from './eval-results.ts';
import type { CommandContext, CommandOutcome } from './run-command.ts';
import { version } from './version.ts';

/** What can be said at any moment of the work; nothing before the first window. */
export interface Unfinished {
  report?: () => CommandOutcome | undefined;
}

export interface Session {
  /** What the results are of. */
  subject: Omit<SavedResult, 'rows'>;
  baseline: SavedResult | undefined;
  flags: EvalFlags;
  outputs: EvalOutputs;
  /** Told how to report, as soon as there is something. */
  unfinished: Unfinished;
}

/** Evaluates, prints, and writes the files that were asked for. */
export async function measure(
  { backend, used }: OpenedBackend,
  request: EvaluationRequest,
  session: Session,
  { output, signal }: CommandContext,
): Promise<CommandOutcome> {
  const { flags, outputs, unfinished } = session;
  const windows = request.text.windows.length;
  const results = new KeptResults(fingerprintOf(request, backend.info, version), flags.resume ?? false, output);
  const earlier = [...results.all];
  const progress = output.progress({
    label: 'eval-ppl',
    total: request.configurations.length * windows,
    unit: 'windows',
    earlier: earlier.length,
  });
  const print = (report: EvaluationReport): CommandOutcome => {
    progress.finish();
    output.print(describeEvaluation(report));
    return { result: report, backend: used };
  };
  unfinished.report = () => {
    results.leave();
    return results.all.length > 0 ? print(reportOf(session, request, results.all)) : undefined;
  };
  try {
    await evaluate({ ...request, earlier }, backend, {
      signal,
      onWindow: (result, perplexity) => {
        if (signal.aborted) return;
        results.add(result);
        const { config, window } = result;
        progress.update(results.all.length, `${config} [${window + 1}/${windows}] ${perplexity.toFixed(3)}`);
      },
    });
    signal.throwIfAborted();
    const report = reportOf(session, request, results.all);
    const outcome = print(report);
    const failure = failureOf(() => {
      outputs.write(report, { ...session.subject, rows: savedRows(results.all) });
    });
    if (failure) results.leave();
    else results.forget();
    return { ...outcome, failure: failure ?? increaseFailure(report, flags.maxIncrease) };
  } catch (error) {
    if (!signal.aborted) results.leave();
    throw error;
  } finally {
    progress.finish();
  }
}

function reportOf(
  { subject, baseline, flags }: Session,
  { text }: EvaluationRequest,
  results: readonly WindowResult[],
): EvaluationReport {
  const { model, data, protocol } = subject;
  const report = { model, data, protocol, rows: evaluationRows(text, results) };
  if (!baseline || flags.baseline === undefined) return report;
  const rows = compareToBaseline({ text, ...subject, rows: savedRows(results) }, baseline);
  const { config } = baseline.rows[0];
  return { ...report, baseline: { file: flags.baseline, model: baseline.model, config, rows } };
}
