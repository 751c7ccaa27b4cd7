import type { Backend, KvCache, LinearOptions, RopeOptions } from '../../kernels/backend.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import type { DecoderWeights, LayerWeights } from './decoder-weights.ts';
import type { Scratch } from './scratch.ts';

/** What a forward pass runs on. */
export interface ForwardContext {
  backend: Backend;
  config: ModelConfig;
  weights: DecoderWeights;
  rope: Omit<RopeOptions, 'firstPosition'>;
  scratch: Scratch;
  /** How a single token is multiplied. */
  linear: LinearOptions;
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
  const { backend, config, weights, scratch } = context;
  backend.embedding(scratch.hidden, weights.embedding, tokenIds);
  for (const [index, layer] of weights.layers.entries()) {
    const cache = caches?.[index] ?? backend.createKvCache(scratch.rows, config.kvHeads, config.headDim);
    try {
      await attentionBlock(context, layer, cache, config.slidingWindow[index]);
    } finally {
      if (!caches) backend.release(cache);
    }
    await mlpBlock(context, layer);
  }
  backend.rmsNorm(scratch.normed, scratch.hidden, weights.norm, { epsilon: config.rmsNormEpsilon });
}

async function attentionBlock(
  { backend, config, rope, scratch, linear }: ForwardContext,
  layer: LayerWeights,
  cache: KvCache,
  slidingWindow: number | undefined,
): Promise<void> {
  const { hidden, normed, query, key, value, attended, branch } = scratch;
  const { heads, kvHeads, headDim, rmsNormEpsilon: epsilon } = config;
  backend.rmsNorm(normed, hidden, layer.inputNorm, { epsilon });
  await backend.linear(query, normed, layer.query, linear);
  await backend.linear(key, normed, layer.key, linear);
  await backend.linear(value, normed, layer.value, linear);
  if (layer.queryNorm) backend.rmsNorm(scratch.queryHeads, scratch.queryHeads, layer.queryNorm, { epsilon });
  if (layer.keyNorm) backend.rmsNorm(scratch.keyHeads, scratch.keyHeads, layer.keyNorm, { epsilon });
  backend.rope(query, { ...rope, firstPosition: cache.length });
  backend.rope(key, { ...rope, firstPosition: cache.length });
  const scale = 1 / Math.sqrt(headDim);
  await backend.attention(attended, query, key, value, cache, { heads, kvHeads, headDim, scale, slidingWindow });
  await backend.linear(branch, attended, layer.output, linear);
  backend.add(hidden, hidden, branch);
}

async function mlpBlock({ backend, config, scratch, linear }: ForwardContext, layer: LayerWeights): Promise<void> {
  const { hidden, normed, gate, up, branch } = scratch;
  backend.rmsNorm(normed, hidden, layer.postAttentionNorm, { epsilon: config.rmsNormEpsilon });
  await backend.linear(gate, normed, layer.gate, linear);
  await backend.linear(up, normed, layer.up, linear);
  backend.siluMul(gate, gate, up);
  await backend.linear(branch, gate, layer.down, linear);
  backend.add(hidden, hidden, branch);
}
