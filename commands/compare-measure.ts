import { compareModels, type Compared, type ModelRun } from '../eval/compare/compare-models.ts';
import type { OutputFile } from '../quant/output/output-file.ts';
import { describeComparison, drawComparison, type ComparisonReport } from './compare-report.ts';
import type { ComparedTokens } from './compare-request.ts';
import type { Subject } from './compare-subjects.ts';
import { increaseFailure } from './eval-increase.ts';
import { failureOf } from './eval-outputs.ts';
import type { CommandContext, CommandOutcome } from './run-command.ts';

export interface ComparisonSession {
  subjects: readonly Subject[];
  /** The subjects, ready to be measured. */
  compared: readonly Compared[];
  tokens: ComparedTokens;
  /** If there are checkpoints among the subjects. */
  run?: ModelRun;
  /** In per cent. */
  maxIncrease: number | undefined;
  plotFile: OutputFile | undefined;
}

/** Compares, prints, and draws. */
export async function compareSubjects(session: ComparisonSession, context: CommandContext): Promise<CommandOutcome> {
  const { plotFile, maxIncrease } = session;
  const { output } = context;
  const report = await measure(session, context);
  output.print(describeComparison(report));
  const changes = report.rows.map(({ name, deltaPercent }) => ({ config: name, deltaPercent }));
  const failure = failureOf(() => {
    const picture = plotFile && drawComparison(report);
    if (picture !== undefined) plotFile?.write(picture);
    else if (plotFile) output.warn(`${plotFile.path}: not written, as there are no errors by layer to draw`);
  });
  return { result: report, failure: failure ?? increaseFailure({ rows: changes }, maxIncrease) };
}

async function measure(
  { subjects, compared, tokens, run }: ComparisonSession,
  { output, signal }: CommandContext,
): Promise<ComparisonReport> {
  const { data, protocol, spans } = tokens;
  const layerWindows = Math.min(run?.layerWindows ?? 0, protocol.windows);
  const total = windowsToRun(compared, protocol.windows, layerWindows);
  const progress = output.progress({ label: 'compare', total, unit: 'windows' });
  let done = 0;
  const advance = (item: string): void => {
    progress.update(++done, item);
  };
  try {
    const rows = await compareModels(
      { compared, spans, run },
      {
        signal,
        onWindow: ({ config, window }, perplexity) => {
          advance(`${config} [${window + 1}/${protocol.windows}] ${perplexity.toFixed(3)}`);
        },
        onLayerWindow: (name) => {
          advance(`${name}, layer by layer`);
        },
        onOtherBasis: (name) => {
          output.warn(`${name}: no errors by layer, as its embeddings are not those of ${subjects[0].name}`);
        },
      },
    );
    signal.throwIfAborted();
    return {
      data,
      protocol,
      layerWindows,
      rows: rows.map((row, index) => {
        const { model, configuration } = subjects[index];
        return { ...row, model, config: configuration.name };
      }),
    };
  } finally {
    progress.finish();
  }
}

/** Windows of all models, and those over which layers are compared. */
function windowsToRun(compared: readonly Compared[], windows: number, layerWindows: number): number {
  const models = compared.filter((each) => 'load' in each).length;
  return models * windows + ('load' in compared[0] ? (models - 1) * layerWindows : 0);
}
