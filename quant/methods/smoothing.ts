import type { ModelConfig } from '../checkpoint/hf-config.ts';
import { UsageError } from '../errors.ts';

/**
 * What the inputs of a layer's linears are divided by, and their columns multiplied by, channel by channel; all 1
 * changes nothing.
 */
export interface LayerSmoothing {
  /** q_proj, k_proj and v_proj, by the norm before them: `[hiddenSize]`. */
  attentionInput: Float32Array;
  /** o_proj, by v_proj: `[kvHeads · headDim]`, shared by the query heads of a group. */
  attentionOutput: Float32Array;
  /** gate_proj and up_proj, by the norm before them: `[hiddenSize]`. */
  mlpInput: Float32Array;
  /** down_proj, by up_proj: `[intermediateSize]`. */
  mlpOutput: Float32Array;
}

/** By layer. */
export type Smoothing = readonly LayerSmoothing[];

/** Below it SmoothQuant sees no magnitudes of weights, and no factors. */
const SMALLEST = 1e-5;

/**
 * SmoothQuant's factors, arXiv 2211.10438 equation 4 with the limits of its code:
 * `max(a^alpha / max(w, 1e-5)^(1 - alpha), 1e-5)`. A dead channel, in which activations or weights are all 0, keeps 1:
 * a factor of 1e-5 would make the norm's gain so large that any other input ruins the scale of its token.
 *
 * @param activationAbsmax largest magnitude of each channel of the inputs
 * @param weightAbsmax of each column of the weights that read them (`weightAbsmax`)
 */
export function smoothingFactors(
  activationAbsmax: Float32Array,
  weightAbsmax: Float32Array,
  alpha: number,
): Float32Array {
  if (activationAbsmax.length !== weightAbsmax.length) {
    throw new RangeError(`${activationAbsmax.length} channels of activations, ${weightAbsmax.length} of weights`);
  }
  return activationAbsmax.map((activation, channel) => {
    const weight = weightAbsmax[channel];
    if (activation === 0 || weight === 0) return 1;
    return Math.max(activation ** alpha / Math.max(weight, SMALLEST) ** (1 - alpha), SMALLEST);
  });
}

/** Columns of the linears that read the same input, `[N, channels]` each: the largest magnitude over all their rows. */
export function weightAbsmax(weights: readonly Float32Array[], channels: number): Float32Array {
  const largest = new Float32Array(channels);
  for (const weight of weights) {
    for (let row = 0; row < weight.length; row += channels) {
      for (let channel = 0; channel < channels; channel++) {
        const magnitude = Math.abs(weight[row + channel]);
        if (magnitude > largest[channel]) largest[channel] = magnitude;
      }
    }
  }
  return largest;
}

type Heads = Pick<ModelConfig, 'heads' | 'kvHeads' | 'headDim'>;

/**
 * Magnitudes of o_proj's inputs or columns, `[heads · headDim]`, as those of the values that they are made of,
 * `[kvHeads · headDim]`: the largest of the query heads that share one.
 */
export function absmaxOfValues(absmax: Float32Array, heads: Heads): Float32Array {
  const largest = new Float32Array(heads.kvHeads * heads.headDim);
  absmax.forEach((magnitude, channel) => {
    const shared = valueChannel(channel, heads);
    largest[shared] = Math.max(largest[shared], magnitude);
  });
  return largest;
}

/** Factors of values, `[kvHeads · headDim]`, for each channel that o_proj reads, `[heads · headDim]`. */
export function factorsOfAttended(factors: Float32Array, heads: Heads): Float32Array {
  const length = heads.heads * heads.headDim;
  return Float32Array.from({ length }, (_, channel) => factors[valueChannel(channel, heads)]);
}

function valueChannel(channel: number, { heads, kvHeads, headDim }: Heads): number {
  const head = Math.floor(Math.floor(channel / headDim) / (heads / kvHeads));
  return head * headDim + (channel % headDim);
}

/** @throws RangeError for factors that do not fit the model, or are not positive and finite */
export function checkSmoothing(smoothing: Smoothing, config: ModelConfig): void {
  const { layers, hiddenSize, kvHeads, headDim, intermediateSize } = config;
  if (smoothing.length !== layers) throw new RangeError(`factors of ${smoothing.length} layers for ${layers}`);
  const lengths = {
    attentionInput: hiddenSize,
    attentionOutput: kvHeads * headDim,
    mlpInput: hiddenSize,
    mlpOutput: intermediateSize,
  };
  for (const [layer, factors] of smoothing.entries()) {
    for (const [stage, length] of Object.entries(lengths)) {
      const values = factors[stage as keyof LayerSmoothing];
      if (values.length === length && values.every((factor) => factor > 0 && factor < Infinity)) continue;
      throw new RangeError(`layer ${layer}: ${stage} needs ${length} positive factors`);
    }
  }
}

/** @throws UsageError `E_ALPHA` for what is no number from 0 to 1 */
export function checkAlpha(alpha: number): void {
  if (alpha >= 0 && alpha <= 1) return;
  throw new UsageError(`alpha ${alpha} is not between 0 and 1`, {
    code: 'E_ALPHA',
    hint: 'how much of the difficulty goes from activations to weights: 0.5 for many models, 0.85 for Llama 2 and 3',
    details: { value: alpha },
  });
}
