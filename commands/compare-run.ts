import { requireComparable } from '../eval/compare/comparable.ts';
import type { Compared } from '../eval/compare/compare-models.ts';
import { requireSameTokens } from '../eval/compare/same-tokens.ts';
import { loadModel } from '../eval/model/load.ts';
import { LAYER_PLOT_MARK } from '../eval/plot/layer-plot.ts';
import type { Backend } from '../kernels/backend.ts';
import type { LinearAlgebra } from '../kernels/linear-algebra.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';
import { nodeFileSystem } from '../quant/file-system.ts';
import { openBackend } from './backend.ts';
import type { CompareFlags } from './compare-flags.ts';
import { compareSubjects, type ComparisonSession } from './compare-measure.ts';
import { checkArguments, checkOptions, tokensOfResults, tokensOfRun } from './compare-request.ts';
import { isCheckpoint, isResult, openSubjects, type CheckpointSubject, type Subject } from './compare-subjects.ts';
import { claimFile } from './eval-outputs.ts';
import { chooseProtocol, encodeTextArgument } from './eval-text.ts';
import { toOriginalBasis } from './original-basis.ts';
import type { CommandContext, CommandOutcome } from './run-command.ts';

/** Opens and checks what was named, then compares: with a backend only if there is a checkpoint. */
export async function runComparison(
  args: readonly string[],
  flags: CompareFlags,
  context: CommandContext,
): Promise<CommandOutcome> {
  checkArguments(args);
  const plotFile = claimFile(flags.plot, { overwrite: flags.overwrite ?? false, mark: LAYER_PLOT_MARK });
  const opened: StoredModel[] = [];
  try {
    const subjects = await openSubjects(args, opened, context);
    checkOptions(subjects, flags);
    const session = { subjects, maxIncrease: flags.maxIncrease, plotFile };
    const checkpoints = subjects.filter(isCheckpoint);
    if (checkpoints.length > 0) return await compareCheckpoints(checkpoints, session, flags, context);
    const results = subjects.filter(isResult);
    return await compareSubjects({ ...session, compared: results, tokens: tokensOfResults(results) }, context);
  } finally {
    for (const model of opened) model.close();
  }
}

async function compareCheckpoints(
  checkpoints: readonly CheckpointSubject[],
  session: Omit<ComparisonSession, 'compared' | 'tokens' | 'run'>,
  flags: CompareFlags,
  context: CommandContext,
): Promise<CommandOutcome> {
  requireComparable(checkpoints);
  const maxPositionEmbeddings = Math.min(...checkpoints.map(({ config }) => config.maxPositionEmbeddings));
  const protocol = chooseProtocol({ maxPositionEmbeddings }, flags);
  const [{ stored: model, name: firstName }, ...others] = checkpoints;
  const { backend, algebra, used } = await openBackend(flags, context.output);
  try {
    const source = flags.data ?? 'wikitext2';
    const encoded = await encodeTextArgument({ source, model, protocol }, context);
    for (const { name, stored, tokenizerSha256 } of others) {
      if (tokenizerSha256 === encoded.tokenizerSha256) continue;
      const { text } = await encodeTextArgument({ source, model: stored, protocol }, context);
      requireSameTokens({ name: firstName, text: encoded.text }, { name, text });
    }
    const tokens = tokensOfRun(session.subjects.filter(isResult), encoded);
    const compared = await Promise.all(session.subjects.map((subject) => comparedOf(subject, backend, algebra)));
    const run = { backend, text: encoded.text, layerWindows: flags.layerWindows };
    return { ...(await compareSubjects({ ...session, compared, tokens, run }, context)), backend: used };
  } finally {
    backend.close();
  }
}

async function comparedOf(subject: Subject, backend: Backend, algebra: LinearAlgebra): Promise<Compared> {
  if (subject.kind === 'result') return subject;
  const { name, stored, configuration } = subject;
  const folder = stored.checkpoint?.folder;
  return {
    name,
    load: () => loadModel(stored, backend, configuration),
    toOriginalBasis:
      folder === undefined ? undefined : await toOriginalBasis(folder, stored.config, nodeFileSystem, algebra),
  };
}
