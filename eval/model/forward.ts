import type { Backend, KvCache, LinearOptions, Tensor } from '../../kernels/backend.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import type { DecoderWeights, LayerWeights } from './decoder-weights.ts';
import type { Rotation } from './rope.ts';
import type { Scratch } from './scratch.ts';

/** What a forward pass runs on. */
export interface ForwardContext {
  backend: Backend;
  config: ModelConfig;
  weights: DecoderWeights;
  /** By layer. */
  rotations: readonly Rotation[];
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
  backend.embedding(scratch.hidden, weights.embedding, tokenIds, { scale: config.embeddingScale });
  for (const [index, layer] of weights.layers.entries()) {
    const cache = caches?.[index] ?? backend.createKvCache(scratch.rows, config.kvHeads, config.headDim);
    try {
      await attentionBlock(context, index, cache);
    } finally {
      if (!caches) backend.release(cache);
    }
    await mlpBlock(context, layer);
  }
  backend.rmsNorm(scratch.normed, scratch.hidden, weights.norm, { epsilon: config.rmsNormEpsilon });
}

async function attentionBlock(context: ForwardContext, index: number, cache: KvCache): Promise<void> {
  const { backend, config, scratch, linear } = context;
  const { hidden, normed, query, key, value, attended, branch } = scratch;
  const { heads, kvHeads, headDim, attentionScale: scale, attentionSoftCap: softCap, rmsNormEpsilon: epsilon } = config;
  const slidingWindow = config.slidingWindow[index];
  const layer = context.weights.layers[index];
  backend.rmsNorm(normed, hidden, layer.inputNorm, { epsilon });
  await backend.linear(query, normed, layer.query, linear);
  await backend.linear(key, normed, layer.key, linear);
  await backend.linear(value, normed, layer.value, linear);
  if (layer.queryNorm) backend.rmsNorm(scratch.queryHeads, scratch.queryHeads, layer.queryNorm, { epsilon });
  if (layer.keyNorm) backend.rmsNorm(scratch.keyHeads, scratch.keyHeads, layer.keyNorm, { epsilon });
  const rope = { ...context.rotations[index], firstPosition: cache.length };
  backend.rope(query, rope);
  backend.rope(key, rope);
  const options = { heads, kvHeads, headDim, scale, softCap, slidingWindow };
  await backend.attention(attended, query, key, value, cache, options);
  await backend.linear(branch, attended, layer.output, linear);
  addBranch(context, layer.attentionOutputNorm);
}

async function mlpBlock(context: ForwardContext, layer: LayerWeights): Promise<void> {
  const { backend, config, scratch, linear } = context;
  const { hidden, normed, gate, up, branch } = scratch;
  backend.rmsNorm(normed, hidden, layer.mlpNorm, { epsilon: config.rmsNormEpsilon });
  await backend.linear(gate, normed, layer.gate, linear);
  await backend.linear(up, normed, layer.up, linear);
  if (config.activation === 'silu') backend.siluMul(gate, gate, up);
  else backend.geluTanhMul(gate, gate, up);
  await backend.linear(branch, gate, layer.down, linear);
  addBranch(context, layer.mlpOutputNorm);
}

/** Adds the output of attention or MLP to the residual stream. */
function addBranch({ backend, config, scratch: { hidden, branch } }: ForwardContext, norm: Tensor | undefined): void {
  if (norm) backend.rmsNorm(branch, branch, norm, { epsilon: config.rmsNormEpsilon });
  backend.add(hidden, hidden, branch);
}
