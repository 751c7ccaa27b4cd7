import type { Backend } from '../kernels/backend.ts';
import type { Checkpoint } from '../quant/checkpoint/checkpoint.ts';
import type { ModelConfig } from '../quant/checkpoint/hf-config.ts';
import type { Configuration } from './model/configurations.ts';
import { loadModel } from './model/load.ts';
import { trackPeakMemory } from './peak-memory.ts';
import { PerplexityAccumulator } from './perplexity/accumulator.ts';

export interface EvaluationRequest {
  checkpoint: Checkpoint;
  config: ModelConfig;
  configurations: readonly Configuration[];
  /** Token ids of each window; all but the first of each are scored. */
  windows: readonly Int32Array[];
}

/** One row of the table: what a configuration costs and gains. */
export interface EvaluationRow {
  config: string;
  perplexity: number;
  /** Of the perplexity, by the delta method. */
  standardError: number;
  /** Change of the perplexity against the first row, in per cent. */
  deltaPercent: number;
  /** Time of the forward passes; loading and quantizing are not part of it. */
  seconds: number;
  tokensPerSecond: number;
  /** Peak resident memory of the process while this configuration was loaded and run. */
  peakMemoryBytes: number;
  /** Weights in their stored form. */
  modelBytes: number;
}

export interface EvaluationHooks {
  signal: AbortSignal;
  /** After each window; `perplexity` is the estimate so far. */
  onWindow: (configuration: string, windowsDone: number, perplexity: number) => void;
}

/** Evaluates the configurations one after the other on the same windows. */
export async function evaluate(
  request: EvaluationRequest,
  backend: Backend,
  hooks: EvaluationHooks,
): Promise<EvaluationRow[]> {
  const rows: EvaluationRow[] = [];
  let done = 0;
  for (const configuration of request.configurations) {
    const row = await evaluateOne(request, configuration, backend, hooks.signal, rows[0]?.perplexity, (perplexity) => {
      hooks.onWindow(configuration.name, ++done, perplexity);
    });
    rows.push(row);
  }
  return rows;
}

async function evaluateOne(
  { checkpoint, config, windows }: EvaluationRequest,
  configuration: Configuration,
  backend: Backend,
  signal: AbortSignal,
  baseline: number | undefined,
  onWindow: (perplexity: number) => void,
): Promise<EvaluationRow> {
  const peakMemory = trackPeakMemory();
  const model = await loadModel(checkpoint, config, backend, configuration);
  try {
    const total = new PerplexityAccumulator();
    let seconds = 0;
    let tokens = 0;
    for (const window of windows) {
      signal.throwIfAborted();
      const started = performance.now();
      total.add(await model.negativeLogLikelihood(window));
      seconds += (performance.now() - started) / 1000;
      tokens += window.length;
      onWindow(total.result().perplexity);
    }
    const { perplexity, standardError } = total.result();
    return {
      config: configuration.name,
      perplexity,
      standardError,
      deltaPercent: baseline === undefined ? 0 : 100 * (perplexity / baseline - 1),
      seconds,
      tokensPerSecond: tokens / seconds,
      peakMemoryBytes: peakMemory(),
      modelBytes: model.modelBytes,
    };
  } finally {
    model.close();
  }
}
