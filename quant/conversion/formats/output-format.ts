import type { QuantizedModel } from '../../checkpoint/compressed-tensors.ts';
import type { ModelTensor } from '../../checkpoint/architecture.ts';
import type { ModelConfig } from '../../checkpoint/hf-config.ts';
import type { ReadCodes } from '../../checkpoint/stored-model.ts';
import type { TensorSpec } from '../../checkpoint/tensor-size.ts';
import type { WeightDtype } from '../../checkpoint/weight-dtype.ts';
import type { GroupSize, Mode, WeightScheme } from '../../schemes/scheme.ts';

export const outputFormatNames = ['compressed-tensors', 'mlx'] as const;
export type OutputFormatName = (typeof outputFormatNames)[number];

/** What is asked of a format. */
export interface FormatRequest {
  mode: Mode;
  groupSize: GroupSize;
  /** What is done about a weight whose K is not a multiple of the group size. */
  onIndivisible: 'error' | 'channel' | 'float';
  /** Whether embedding and output layer are quantized like the linear layers. */
  quantizeEmbeddings: boolean;
}

/** How a weight `[N, K]` is stored. */
export interface WeightStorage {
  mode: Mode;
  groupSize: GroupSize;
  /** What scales (and biases) are stored in. */
  scaleDtype: WeightDtype;
}

/** Some rows of a weight, or all. */
export interface EncodedRows extends WeightStorage {
  /** For errors. */
  module: string;
  rows: number;
  columns: number;
}

/** What a quantized checkpoint looks like: which tensors replace a weight, what is in them, what config.json says. */
export interface OutputFormat {
  readonly name: OutputFormatName;
  /** Of the weight files. */
  readonly metadata: ReadonlyMap<string, string>;
  /** @throws UsageError for what the format does not have */
  checkRequest(request: FormatRequest): void;
  /** Whether the tensor is a weight that the format can hold quantized. */
  canQuantize(tensor: ModelTensor): boolean;
  /** What may be done about a weight that groups do not fit. */
  readonly indivisibleHint: string;
  /** Modules that a model of the configuration has not, but that its config must call float all the same. */
  absentModules(config: Pick<ModelConfig, 'tieWordEmbeddings'>): readonly string[];
  /** What scales of a float weight are stored in. */
  scaleDtype(weight: WeightDtype): WeightDtype;
  /** Which of the two rules codes are found by where nothing but the weight itself decides. */
  rule(scheme: WeightScheme): ReadCodes['kind'];
  /** The tensors that replace `module.weight`. Those that `encode` fills come first, each with a row for each of N. */
  tensors(module: string, shape: readonly number[], storage: WeightStorage): readonly TensorSpec[];
  /** Codes and scales as the format holds them: of its own kind, in the precision of `scaleDtype`. */
  settle(codes: ReadCodes, bits: 8 | 4, scaleDtype: WeightDtype): ReadCodes;
  /**
   * Rows of the first tensors, in their order; `codes` as `settle` gives them.
   *
   * @throws InputError `E_F16_OVERFLOW` for scales that F16 does not hold
   */
  encode(codes: ReadCodes, rows: EncodedRows): readonly ArrayBufferView[];
  /** @param configText of the float model; @param config of the model as it is written */
  withQuantization(
    configText: string,
    config: Pick<ModelConfig, 'raw' | 'tieWordEmbeddings'>,
    model: QuantizedModel,
  ): string;
}
