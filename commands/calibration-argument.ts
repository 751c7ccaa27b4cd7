import {
  calibrationText,
  checkSequenceLength,
  textWindows,
  withoutPlaceholders,
  type CalibrationText,
} from '../eval/calibration/calibration-text.ts';
import { loadFloatModel } from '../eval/calibration/load-float-model.ts';
import { mergeStatistics } from '../eval/calibration/merged-statistics.ts';
import { modelCalibrator } from '../eval/calibration/model-calibrator.ts';
import { modelFingerprint } from '../eval/calibration/model-fingerprint.ts';
import { savedCalibrator } from '../eval/calibration/saved-calibrator.ts';
import { refuseOtherModel, StatisticsFile, type SavedStatistics } from '../eval/calibration/saved-statistics.ts';
import { SELF, writeSelfText } from '../eval/calibration/self-text.ts';
import { loadTokenizer } from '../eval/model/tokenizer.ts';
import { textEncoder, type TextEncoder } from '../eval/perplexity/text-encoder.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';
import { nodeFileSystem } from '../quant/file-system.ts';
import type { Calibrator } from '../quant/methods/calibration.ts';
import { storedFloatModel } from '../quant/methods/float-model.ts';
import type { CalibrationFlags } from './calibration-flags.ts';
import type { CommandContext } from './run-command.ts';
import type { Solver } from './solver.ts';
import { loadTextArgument } from './text-argument.ts';

type Report = (done: number, total: number, label: string) => void;

/** What looks at the model: saved statistics, or the model itself on a text. `close` ends it. */
export async function openCalibrator(
  model: StoredModel,
  flags: CalibrationFlags,
  solver: Solver,
  context: CommandContext,
  onProgress: Report,
): Promise<{ calibrator: Calibrator; close: () => void }> {
  const { backend, algebra } = solver;
  const hooks = { signal: context.signal, onProgress };
  if (flags.stats) {
    const saved = openStatistics(model, flags.stats);
    return {
      calibrator: savedCalibrator({ saved, backend, ...hooks }),
      close: () => {
        saved.close();
      },
    };
  }
  const text = await loadCalibrationText(model, flags, solver, context);
  const calibrator = modelCalibrator({ backend, algebra, fileSystem: nodeFileSystem, ...text, ...hooks });
  return { calibrator, close: () => undefined };
}

function openStatistics(model: StoredModel, paths: readonly string[]): SavedStatistics {
  const opened: StatisticsFile[] = [];
  try {
    for (const path of paths) opened.push(new StatisticsFile(path, model.config));
    const fingerprint = modelFingerprint(model);
    for (const file of opened) refuseOtherModel(file, fingerprint);
    return mergeStatistics(opened);
  } catch (error) {
    for (const file of opened) file.close();
    throw error;
  }
}

/** Windows of all sources, as many of each as there are, the first ones of which have one more if that does not come out even. */
async function loadCalibrationText(
  model: StoredModel,
  flags: CalibrationFlags,
  solver: Solver,
  context: CommandContext,
): Promise<CalibrationText> {
  const { data: sources, samples, seqLen } = flags;
  const { documents, config } = model;
  checkSequenceLength(seqLen, config);
  const encoder = textEncoder(documents, loadTokenizer(documents, { vocabSize: config.vocabSize }));
  const boundary = (index: number): number => Math.ceil((samples * index) / sources.length);
  const parts: CalibrationText[] = [];
  for (const [index, source] of sources.entries()) {
    const shape = { samples: boundary(index + 1) - boundary(index), seqLen };
    if (shape.samples > 0)
      parts.push(await loadSource(model, encoder, source, { ...flags, ...shape }, solver, context));
  }
  const name = parts.map(({ facts }) => facts.data).join(' + ');
  return calibrationText(
    name,
    parts.flatMap(({ windows }) => windows),
    seqLen,
  );
}

async function loadSource(
  stored: StoredModel,
  encoder: TextEncoder,
  source: string,
  { samples, seqLen, seed }: Pick<CalibrationFlags, 'samples' | 'seqLen' | 'seed'>,
  { backend }: Solver,
  context: CommandContext,
): Promise<CalibrationText> {
  const shape = { samples, seqLen };
  if (source !== SELF) {
    const { name, text: whole } = await loadTextArgument(source, context, { split: 'train' });
    const { text, placeholders } = withoutPlaceholders(whole);
    if (placeholders > 0) {
      context.output.note(
        `${name}: <unk> stands for a word ${placeholders.toLocaleString('en')} times, and is left out`,
      );
    }
    return textWindows({ name, text }, encoder, shape);
  }
  const progress = context.output.progress({ label: 'write text', total: samples * seqLen, unit: 'tokens' });
  const model = await loadFloatModel(storedFloatModel(stored), backend);
  try {
    const request = { ...shape, seed, start: encoder.start?.id };
    return await writeSelfText(model, request, {
      signal: context.signal,
      onProgress: (done) => {
        progress.update(done);
      },
    });
  } finally {
    progress.finish();
    model.close();
  }
}
