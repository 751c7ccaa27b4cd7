import type { Backend } from '../kernels/backend.ts';
import type { Checkpoint } from '../quant/checkpoint/checkpoint.ts';
import type { ModelConfig } from '../quant/checkpoint/hf-config.ts';
import { evaluationRows, type EvaluationRow } from './evaluation-row.ts';
import type { Configuration } from './model/configurations.ts';
import { loadModel } from './model/load.ts';
import type { DecoderModel } from './model/model.ts';
import { trackPeakMemory } from './peak-memory.ts';
import { LossAccumulator, perplexityOf } from './perplexity/accumulator.ts';
import type { PreparedText } from './perplexity/protocol.ts';
import { scoreWindow } from './perplexity/score-window.ts';
import type { WindowResult } from './perplexity/window-result.ts';

export interface EvaluationRequest {
  checkpoint: Checkpoint;
  config: ModelConfig;
  /** Their names differ. */
  configurations: readonly Configuration[];
  text: PreparedText;
  /**
   * Whether to compare the distributions of each configuration with those of the first one. The first model stays in
   * memory beside the others, and its forward passes are computed again for each of them: hidden states of a whole text
   * would be larger than the model.
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
}

/** Evaluates the configurations one after the other on the same windows. The rows of a resumed run are the same bits. */
export async function evaluate(
  request: EvaluationRequest,
  backend: Backend,
  hooks: EvaluationHooks,
): Promise<EvaluationRow[]> {
  const { checkpoint, config, configurations, text } = request;
  const load = (configuration: Configuration): Promise<DecoderModel> =>
    loadModel(checkpoint, config, backend, configuration);
  const results: WindowResult[] = [];
  let first: DecoderModel | undefined;
  try {
    for (const [index, configuration] of configurations.entries()) {
      const own = (request.earlier ?? []).filter((result) => result.config === configuration.name);
      if (own.length < text.windows.length) {
        if (index > 0 && request.divergence === true) first ??= await load(configurations[0]);
        await finish(own, configuration.name, { load: () => load(configuration), first }, text, hooks);
      }
      results.push(...own);
    }
  } finally {
    first?.close();
  }
  return evaluationRows(text, results);
}

interface Models {
  load: () => Promise<DecoderModel>;
  /** What to compare with, if at all. */
  first: DecoderModel | undefined;
}

/** Adds to the results of a configuration those of the windows that it lacks. */
async function finish(
  own: WindowResult[],
  config: string,
  { load, first }: Models,
  { windows }: PreparedText,
  { signal, onWindow }: EvaluationHooks,
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
  } finally {
    model.close();
  }
}
