import type { Tensor, Weight } from '../../kernels/backend.ts';

/** Weights of a decoder in memory of its backend. */
export interface DecoderWeights {
  embedding: Weight;
  layers: readonly LayerWeights[];
  /** Gain of the last norm: `[1, hiddenSize]`. */
  norm: Tensor;
  /** The embedding itself where they are tied. */
  head: Weight;
  /** All of these, each once, for their release. */
  handles: readonly (Tensor | Weight)[];
  /** Bytes of all tensors in their stored form, a tied head counted once. */
  bytes: number;
}

export interface LayerWeights extends LayerNorms, LayerLinears {}

export interface LayerNorms {
  inputNorm: Tensor;
  /** Gains over the head dimension: `[1, headDim]`. */
  queryNorm: Tensor | undefined;
  keyNorm: Tensor | undefined;
  /** Of what the attention adds to the residual stream. */
  attentionOutputNorm: Tensor | undefined;
  mlpNorm: Tensor;
  /** Of what the MLP adds to the residual stream. */
  mlpOutputNorm: Tensor | undefined;
}

export interface LayerLinears {
  query: Weight;
  key: Weight;
  value: Weight;
  output: Weight;
  gate: Weight;
  up: Weight;
  down: Weight;
}
