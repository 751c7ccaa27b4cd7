import type { Backend } from '../../kernels/backend.ts';
import { evaluateModels, type NamedModel } from '../evaluate.ts';
import type { EvaluationRow } from '../evaluation-row.ts';
import type { DecoderModel } from '../model/model.ts';
import { accumulateLosses, perplexityOf, type Perplexity } from '../perplexity/accumulator.ts';
import { compare, type LogRatio, type WindowLosses } from '../perplexity/comparison.ts';
import type { DivergenceSummary } from '../perplexity/divergence-summary.ts';
import { splitLosses, type LossSpan } from '../perplexity/loss-spans.ts';
import type { PreparedText } from '../perplexity/protocol.ts';
import type { WindowResult } from '../perplexity/window-result.ts';
import { measureLayerErrors, type LayerError, type ObservedModel, type ToOriginalBasis } from './layer-errors.ts';

/** A model to be measured. */
export interface ComparedModel extends NamedModel {
  /** If its residual stream has another basis than that of the model it was made from. */
  toOriginalBasis?: ToOriginalBasis | undefined;
}

/** What an earlier run measured. */
export interface ComparedResult {
  name: string;
  /** Of all tokens that are scored. */
  losses: Float32Array;
}

export type Compared = ComparedModel | ComparedResult;

export interface ComparisonRequest {
  /** Of names that differ. The first one is what the others are compared with. */
  compared: readonly Compared[];
  /** Of the losses, in models and results. */
  spans: readonly LossSpan[];
  /** None if there is no model among them. */
  run?: ModelRun | undefined;
}

/** What models are run on. */
export interface ModelRun {
  backend: Backend;
  text: PreparedText;
  /** Layers are compared over so many windows, from the start; 0: not at all. */
  layerWindows: number;
}

export interface ComparisonHooks {
  signal: AbortSignal;
  /** After each window of a model. */
  onWindow: (result: WindowResult, perplexity: number) => void;
  /** After each window over which layers were compared. */
  onLayerWindow: (name: string) => void;
  /** A model whose layers cannot be compared, as its embeddings are others. */
  onOtherBasis: (name: string) => void;
}

/** What a model costs to run, as in `eval-ppl`; the first model is in memory beside the others. */
type Cost = Pick<EvaluationRow, 'seconds' | 'tokensPerSecond' | 'peakMemoryBytes' | 'modelBytes'>;

/** One model or result: what is known of it, and how it differs from the first. */
export interface ComparisonRow extends Perplexity, Partial<Cost> {
  name: string;
  /** Change of the perplexity against the first row, in per cent. */
  deltaPercent: number;
  /** None in the first row. */
  comparison?: LogRatio;
  /** If this and the first are models. */
  divergence?: DivergenceSummary | undefined;
  /** By layer, if this and the first are models and were compared so. */
  layers?: readonly LayerError[] | undefined;
}

/** Measures the models, two in memory at most, and compares all with the first. */
export async function compareModels(
  { compared, spans, run }: ComparisonRequest,
  hooks: ComparisonHooks,
): Promise<ComparisonRow[]> {
  const measured = run ? await measure(compared, run, hooks) : new Map<string, Measured>();
  const lossesOf = (each: Compared): WindowLosses =>
    'losses' in each ? splitLosses(each.losses, spans) : (measured.get(each.name)?.losses ?? []);
  const reference = lossesOf(compared[0]);
  return compared.map((each, index) => {
    const losses = lossesOf(each);
    const { deltaPercent, ...comparison } = compare(losses, reference, spans);
    return {
      name: each.name,
      ...perplexityOf(accumulateLosses(losses, spans)),
      ...(index === 0 ? { deltaPercent: 0 } : { deltaPercent, comparison }),
      ...measured.get(each.name)?.columns,
    };
  });
}

interface Measured {
  losses: WindowLosses;
  columns: Cost & Pick<ComparisonRow, 'divergence' | 'layers'>;
}

/** Runs all models over the text, and by layer over the start of it. */
async function measure(
  compared: readonly Compared[],
  { backend, text, layerWindows }: ModelRun,
  { signal, onWindow, onLayerWindow, onOtherBasis }: ComparisonHooks,
): Promise<Map<string, Measured>> {
  const models = compared.filter((each) => 'load' in each);
  const losses = new Map(models.map(({ name }) => [name, [] as Float32Array[]]));
  const windows = text.windows.slice(0, layerWindows);
  const layers = new Map<string, readonly LayerError[]>();
  const observed = (name: string, model: DecoderModel): ObservedModel => {
    return { model, toOriginalBasis: models.find((each) => each.name === name)?.toOriginalBasis };
  };
  const rows = await evaluateModels(
    models,
    { text, divergence: 'load' in compared[0] },
    {
      signal,
      onWindow: (result, perplexity) => {
        losses.get(result.config)?.push(result.losses);
        onWindow(result, perplexity);
      },
      onCompared: async (name, model, first) => {
        if (windows.length === 0) return;
        const pair = { first: observed(models[0].name, first), other: observed(name, model) };
        const ofWindow = (): void => {
          onLayerWindow(name);
        };
        const errors = await measureLayerErrors({ ...pair, windows, backend }, { signal, onWindow: ofWindow });
        if (errors) layers.set(name, errors);
        else onOtherBasis(name);
      },
    },
  );
  return new Map(
    rows.map(({ config, seconds, tokensPerSecond, peakMemoryBytes, modelBytes, divergence }) => {
      const columns = { seconds, tokensPerSecond, peakMemoryBytes, modelBytes, divergence, layers: layers.get(config) };
      return [config, { losses: losses.get(config) ?? [], columns }];
    }),
  );
}
