import type { WeightSource } from '../../kernels/weight-kinds.ts';
import type { WeightScheme } from '../schemes/scheme.ts';
import type { FloatModel } from './float-model.ts';

/**
 * The inputs of a layer's linear weights, in the order in which they come about: of q, k and v; of o; of gate and up; of
 * down.
 */
export const stages = ['attentionInput', 'attentionOutput', 'mlpInput', 'mlpOutput'] as const;
export type Stage = (typeof stages)[number];

/** What is known of the inputs x `[tokens, K]` of a stage. */
export interface StageStatistics {
  tokens: number;
  /** Largest magnitude of each input channel: `[K]`. */
  absmax: Float32Array;
  /** `Σ xᵀ x` over the tokens, `[K, K]`, if it was asked for. */
  hessian?: Float64Array;
  /**
   * `Σ (x_float - x)ᵀ x`, `[K, K]`, if it was asked for: how far x is from what the float model has there. Not of stages
   * that have `residual`.
   */
  cross?: Float64Array;
  /**
   * `Σ (r_float - r)ᵀ x`, `[hiddenSize, K]`, of stages whose outputs are added to the residual stream as they are, if
   * `cross` was asked for: r is the stream with what the float weights of the stage make of x.
   */
  residual?: Float64Array;
  /** Some rows of x, `[rows, K]`, if any were asked for. */
  inputs?: Float32Array;
}

/** What a calibration is to gather beside maxima. */
export interface StatisticsNeeds {
  hessian: boolean;
  cross: boolean;
  /** Rows of `inputs` at most. */
  inputRows: number;
}

/** A linear layer of a stage, float. */
export interface StageWeight {
  /** Path of the module, such as `model.layers.0.self_attn.q_proj`. */
  module: string;
  outFeatures: number;
  inFeatures: number;
  /** `[outFeatures, inFeatures]`. */
  values: Float32Array;
  /** `[outFeatures]`. */
  bias: Float32Array | undefined;
}

export interface StageVisit {
  layer: number;
  stage: Stage;
  statistics: StageStatistics;
  weights: readonly StageWeight[];
}

/**
 * Called stage by stage. What it returns takes the place of the stage's weights for all that follows, in the order of
 * `weights`; undefined: they stay as they are.
 */
export type StageVisitor = (visit: StageVisit) => Promise<readonly WeightSource[] | undefined>;

/** The text that statistics are of. */
export interface CalibrationFacts {
  /** The text as the user knows it. */
  data: string;
  /** SHA-256 of the tokens of all windows, as little-endian int32. */
  tokensSha256: string;
  /** Windows, and tokens in each. */
  samples: number;
  seqLen: number;
}

/** One run over the model. */
export interface CalibrationRun {
  model: FloatModel;
  needs: StatisticsNeeds;
  visit: StageVisitor;
  /**
   * Whether `visit` may return weights. If not, the stages of a layer are gathered in one go and visited
   * after it, which takes less time and disk, but memory for the statistics of all four.
   */
  replaces: boolean;
  /** What another run must share to be gone on with. */
  fingerprint: Readonly<Record<string, string>>;
  /** Distinguishes the runs of one conversion; the start of file names in `folder`. */
  name: string;
  /** Where hidden states are kept, and what a later run needs to go on. */
  folder: string;
  /** Called before the run is recorded as done up to `nextLayer`: what was made of earlier layers must be durable then. */
  onCheckpoint: (nextLayer: number) => void;
  /** Called first where the run goes on from an earlier one: layers before `nextLayer` are not visited again. */
  onResume: (nextLayer: number) => void;
}

/** Runs models over a text; who has a backend provides it. */
export interface Calibrator {
  readonly facts: CalibrationFacts;
  /** Of the arithmetic, for the record: statistics of two backends differ in their last bits. */
  readonly backend: string;
  /** Whether runs look at the model that they are given, with what takes the place of its weights; else at the untreated one. */
  readonly sequential: boolean;
  run(run: CalibrationRun): Promise<void>;
  /** Bytes that a run writes to its folder at most. */
  scratchBytes(model: FloatModel, needs: StatisticsNeeds): number;
  /**
   * `‖Q(x / s) · Q(W · s)ᵀ - x · Wᵀ‖²` over the rows of x and the weights of a stage, for factors s `[K]`: activations
   * and weights are quantized as the layer will be.
   */
  outputError(inputs: Float32Array, weights: readonly StageWeight[], scheme: WeightScheme): OutputError;
}

export type OutputError = (factors: Float32Array) => Promise<number>;

/** Where statistics of a model are kept, for later runs and other conversions. */
export interface StatisticsSink {
  /** Whether it keeps Hessians beside maxima. */
  readonly hessians: boolean;
  add(layer: number, stage: Stage, statistics: StageStatistics): void;
  /** Makes durable what was added. */
  sync(): void;
  /** Relies on what an earlier run added of layers before `nextLayer`. */
  continueFrom(nextLayer: number): void;
}

/** A calibrator whose runs give what they gather to a sink, too. */
export const recordingCalibrator = (calibrator: Calibrator, sink: StatisticsSink): Calibrator => ({
  ...calibrator,
  run: (run) =>
    calibrator.run({
      ...run,
      needs: { ...run.needs, hessian: run.needs.hessian || sink.hessians },
      visit: (visit) => {
        sink.add(visit.layer, visit.stage, visit.statistics);
        return run.visit(visit);
      },
      onCheckpoint: (nextLayer) => {
        sink.sync();
        run.onCheckpoint(nextLayer);
      },
      onResume: (nextLayer) => {
        sink.continueFrom(nextLayer);
        run.onResume(nextLayer);
      },
    }),
});

/** Statistics of inputs x as those of x / factors, in the same arrays. */
export function divideStatistics({ absmax, hessian }: StageStatistics, factors: Float32Array | Float64Array): void {
  const columns = factors.length;
  for (let k = 0; k < columns; k++) absmax[k] /= factors[k];
  if (!hessian) return;
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < columns; j++) hessian[i * columns + j] /= factors[i] * factors[j];
  }
}
