import type { Backend } from '../kernels/backend.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';
import { evaluationRows, type EvaluationRow } from './evaluation-row.ts';
import type { Configuration } from './model/configurations.ts';
import { loadModel } from './model/load.ts';
import type { DecoderModel } from './model/model.ts';
import { trackPeakMemory } from './peak-memory.ts';
import { LossAccumulator, perplexityOf } from './perplexity/accumulator.ts';
import type { PreparedText } from './perplexity/protocol.ts';
import { scoreWindow } from './perplexity/score-window.ts';
import type { WindowResult } from './perplexity/window-result.ts';

/** One model, in several configurations. */
export interface EvaluationRequest extends EvaluationOptions {
  model: StoredModel;
  /** Their names differ. */
  configurations: readonly Configuration[];
}

/** A model under the name of its rows. */
export interface NamedModel {
  name: string;
  /** All on one backend. */
  load: () => Promise<DecoderModel>;
}

export interface EvaluationOptions {
  text: PreparedText;
  /**
   * Whether to compare the distributions of each model with those of the first one. The first model stays in memory beside
   * the others, and its forward passes are computed again for each of them: hidden states of a whole text would be larger
   * than the model.
   */
  divergence?: boolean;
  /** What an interrupted run with the same request reported, in that order; it is not computed again. */
  earlier?: readonly WindowResult[];
}

export interface EvaluationHooks {
  signal: AbortSignal;
  /**
   * After each window that was computed. These results after those of `earlier` are the `earlier` of a run that goes
   * on, and `evaluationRows` of them is what is known so far.
   *
   * @param perplexity estimate from the configuration's windows so far
   */
  onWindow: (result: WindowResult, perplexity: number) => void;
  /** After the windows of a model that was compared with the first one, while both are in memory. */
  onCompared?: (name: string, model: DecoderModel, first: DecoderModel) => Promise<void>;
}

/** Evaluates the configurations one after the other on the same windows. The rows of a resumed run are the same bits. */
export function evaluate(
  { model, configurations, ...options }: EvaluationRequest,
  backend: Backend,
  hooks: EvaluationHooks,
): Promise<EvaluationRow[]> {
  const models = configurations.map((configuration) => ({
    name: configuration.name,
    load: () => loadModel(model, backend, configuration),
  }));
  return evaluateModels(models, options, hooks);
}

/**
 * The same for models of any origin that have the same tokens and, if divergences are asked for, the same vocabulary.
 *
 * @param models their names differ
 */
export async function evaluateModels(
  models: readonly NamedModel[],
  { text, divergence = false, earlier = [] }: EvaluationOptions,
  hooks: EvaluationHooks,
): Promise<EvaluationRow[]> {
  const results: WindowResult[] = [];
  let first: DecoderModel | undefined;
  try {
    for (const [index, model] of models.entries()) {
      const own = earlier.filter(({ config }) => config === model.name);
      if (own.length < text.windows.length) {
        if (index > 0 && divergence) first ??= await models[0].load();
        await finish(own, model, first, text, hooks);
      }
      results.push(...own);
    }
  } finally {
    first?.close();
  }
  return evaluationRows(text, results);
}

/**
 * Adds to the results of a model those of the windows that it lacks.
 *
 * @param first what to compare with, if at all
 */
async function finish(
  own: WindowResult[],
  { name: config, load }: NamedModel,
  first: DecoderModel | undefined,
  { windows }: PreparedText,
  { signal, onWindow, onCompared }: EvaluationHooks,
): Promise<void> {
  const total = new LossAccumulator();
  for (const { window, losses } of own) total.add(losses, windows[window].weight, windows[window].units);
  const peakMemory = trackPeakMemory();
  const model = await load();
  try {
    for (let window = own.length; window < windows.length; window++) {
      signal.throwIfAborted();
      const { weight, units } = windows[window];
      const score = await scoreWindow(windows[window], model, first);
      const result = { config, window, ...score, peakMemoryBytes: peakMemory(), modelBytes: model.modelBytes };
      own.push(result);
      total.add(result.losses, weight, units);
      onWindow(result, perplexityOf(total.result()).perplexity);
    }
    if (first) await onCompared?.(config, model, first);
  } finally {
    model.close();
  }
}
