import { requireSameTokens } from '../eval/perplexity/baseline.ts';
import { readSavedResult } from '../eval/perplexity/saved-result.ts';
import { openBackend } from './backend.ts';
import { claimOutputs } from './eval-outputs.ts';
import type { EvalFlags } from './eval-ppl-flags.ts';
import { measure, type Unfinished } from './eval-ppl-measure.ts';
import { checkComparable, chooseConfigurations, groupNotes } from './eval-ppl-request.ts';
import { chooseProtocol, encodeTextArgument } from './eval-text.ts';
import { resolveModel } from './model-argument.ts';
import { openInput } from './open-input.ts';
import { packagePath } from './package-path.ts';
import type { CommandContext, CommandOutcome } from './run-command.ts';

const BUNDLED_MODEL = { path: packagePath('fixtures/tiny-qwen3'), name: 'tiny-qwen3 (bundled)' };
const BUNDLED_TEXT = packagePath('fixtures/heldout.txt');

/**
 * Evaluates, and answers an interruption at once with what is known so far. The window that is being computed then ends
 * by itself: only after it memory can be given back.
 */
export async function runEvaluation(
  model: string | undefined,
  flags: EvalFlags,
  context: CommandContext,
): Promise<CommandOutcome> {
  const unfinished: Unfinished = {};
  try {
    return await Promise.race([evaluateModel(model, flags, context, unfinished), interruptionOf(context.signal)]);
  } catch (error) {
    const outcome = context.signal.aborted ? unfinished.report?.() : undefined;
    if (!outcome) throw error;
    return { ...outcome, failure: context.signal.reason as Error };
  }
}

function interruptionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  });
}

async function evaluateModel(
  argument: string | undefined,
  flags: EvalFlags,
  context: CommandContext,
  unfinished: Unfinished,
): Promise<CommandOutcome> {
  const outputs = claimOutputs(flags);
  const baseline = flags.baseline === undefined ? undefined : readSavedResult(flags.baseline);
  const { path, name } = argument === undefined ? BUNDLED_MODEL : await resolveModel(argument, context);
  const model = openInput(path, context);
  try {
    const configurations = chooseConfigurations(model, flags);
    checkComparable(configurations, flags);
    const protocol = chooseProtocol(model.config, flags);
    const source = flags.data ?? (argument === undefined ? BUNDLED_TEXT : 'wikitext2');
    // Before the text, which may take long to encode.
    const opened = await openBackend(flags, context.output);
    try {
      const encoded = await encodeTextArgument({ source, model, protocol }, context);
      const { text, data, tokenizerSha256 } = encoded;
      for (const note of groupNotes(model.config, configurations)) context.output.note(note);
      const request = { model, configurations, text, divergence: flags.kld ?? false };
      const subject = { model: name, data, protocol: text.protocol, tokenizerSha256 };
      if (baseline) requireSameTokens(subject, baseline);
      return await measure(opened, request, { subject, baseline, flags, outputs, unfinished }, context);
    } finally {
      opened.backend.close();
    }
  } finally {
    model.close();
  }
}
