import type { KvCache, Tensor } from '../../kernels/backend.ts';
import type { DecoderWeights } from './decoder-weights.ts';
import { addAttention, addMlp, attend, gateUp, normAttentionInput, normMlpInput, type LayerContext } from './layer.ts';
import type { Rotation } from './rope.ts';

/** What a forward pass runs on. */
export interface ForwardContext extends LayerContext {
  weights: DecoderWeights;
  /** By layer. */
  rotations: readonly Rotation[];
}

/** What a forward pass computes on its way, valid until the pass goes on. */
export interface LayerOutput {
  layer: number;
  /**
   * The residual stream before the first layer; what attention and MLP add to it; the stream after the layer: each
   * `[tokens, hiddenSize]`.
   */
  kind: 'embedding' | 'attention' | 'mlp' | 'hidden';
  values: Tensor;
}

/**
 * Runs the decoder over the tokens that follow those in the caches, and leaves the normed hidden states of all of them in
 * `scratch.normed`.
 *
 * @param tokenIds as many as the scratch has rows, each inside the vocabulary
 * @param caches one a layer, with room for the tokens. Without them the tokens are a sequence of their own, from
 * position 0 on, and each layer's keys and values live only as long as the layer is computed.
 */
export async function forward(
  context: ForwardContext,
  tokenIds: Int32Array,
  caches?: readonly KvCache[],
): Promise<void> {
  const pass = layerOutputs(context, tokenIds, caches);
  while ((await pass.next()).done !== true);
}

/** `forward`, which stops at what each layer computes. */
export async function* layerOutputs(
  context: ForwardContext,
  tokenIds: Int32Array,
  caches?: readonly KvCache[],
): AsyncGenerator<LayerOutput, void> {
  const { backend, config, weights, rotations, scratch } = context;
  backend.embedding(scratch.hidden, weights.embedding, tokenIds, { scale: config.embeddingScale });
  yield { layer: 0, kind: 'embedding', values: scratch.hidden };
  for (const [index, layer] of weights.layers.entries()) {
    const positions = { rotation: rotations[index], slidingWindow: config.slidingWindow[index] };
    const cache = caches?.[index] ?? backend.createKvCache(scratch.rows, config.kvHeads, config.headDim);
    try {
      normAttentionInput(context, layer);
      await attend(context, layer, positions, cache);
      await addAttention(context, layer);
    } finally {
      if (!caches) backend.release(cache);
    }
    yield { layer: index, kind: 'attention', values: scratch.branch };
    normMlpInput(context, layer);
    await gateUp(context, layer);
    await addMlp(context, layer);
    yield { layer: index, kind: 'mlp', values: scratch.branch };
    yield { layer: index, kind: 'hidden', values: scratch.hidden };
  }
  backend.rmsNorm(scratch.normed, scratch.hidden, weights.norm, { epsilon: config.rmsNormEpsilon });
}
