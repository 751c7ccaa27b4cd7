import type { Backend, KvCache, LinearOptions, Tensor } from '../../kernels/backend.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import type { LayerWeights } from './decoder-weights.ts';
import type { Rotation } from './rope.ts';
import type { Scratch } from './scratch.ts';

/** What the pieces of a layer run on. Each reads and leaves tensors of the scratch memory, of all its rows. */
export interface LayerContext {
  backend: Backend;
  config: ModelConfig;
  scratch: Scratch;
  /** How a single token is multiplied. */
  linear: LinearOptions;
}

/** Where queries and keys of a layer stand, and how far they see. */
export interface LayerPositions {
  rotation: Rotation;
  slidingWindow: number | undefined;
}

/** `hidden` → `normed`, what q, k and v are made of. */
export function normAttentionInput(context: LayerContext, { inputNorm }: Pick<LayerWeights, 'inputNorm'>): void {
  const { backend, config, scratch } = context;
  backend.rmsNorm(scratch.normed, scratch.hidden, inputNorm, { epsilon: config.rmsNormEpsilon });
}

/**
 * `normed` → `attended`, what the output projection is applied to.
 *
 * @param cache the tokens follow those in it
 */
export async function attend(
  context: LayerContext,
  weights: Pick<LayerWeights, 'query' | 'key' | 'value' | 'queryNorm' | 'keyNorm'>,
  { rotation, slidingWindow }: LayerPositions,
  cache: KvCache,
): Promise<void> {
  const { backend, config, scratch, linear } = context;
  const { normed, attention } = scratch;
  const { headDim, attentionScale: scale, attentionSoftCap: softCap, rmsNormEpsilon: epsilon } = config;
  await backend.linear(scratch.query, normed, weights.query, linear);
  await backend.linear(scratch.key, normed, weights.key, linear);
  await backend.linear(scratch.value, normed, weights.value, linear);
  if (weights.queryNorm) backend.rmsNorm(scratch.queryHeads, scratch.queryHeads, weights.queryNorm, { epsilon });
  if (weights.keyNorm) backend.rmsNorm(scratch.keyHeads, scratch.keyHeads, weights.keyNorm, { epsilon });
  const rope = { ...rotation, firstPosition: cache.length };
  const { query, key, value, attended } = attention;
  backend.rope(query, rope);
  backend.rope(key, rope);
  const [heads, kvHeads] = [query.columns / headDim, key.columns / headDim];
  const options = { heads, kvHeads, headDim, scale, softCap, slidingWindow };
  await backend.attention(attended, query, key, value, cache, options);
}

/** Adds the output projection of `attended` to `hidden`. */
export async function addAttention(
  context: LayerContext,
  { output, attentionOutputNorm }: Pick<LayerWeights, 'output' | 'attentionOutputNorm'>,
): Promise<void> {
  const { backend, scratch, linear } = context;
  await backend.linear(scratch.branch, scratch.attended, output, linear);
  addBranch(context, attentionOutputNorm);
}

/** `hidden` → `normed`, what gate and up are made of. */
export function normMlpInput(context: LayerContext, { mlpNorm }: Pick<LayerWeights, 'mlpNorm'>): void {
  const { backend, config, scratch } = context;
  backend.rmsNorm(scratch.normed, scratch.hidden, mlpNorm, { epsilon: config.rmsNormEpsilon });
}

/** `normed` → `gate`, the product that the down projection is applied to. */
export async function gateUp(context: LayerContext, weights: Pick<LayerWeights, 'gate' | 'up'>): Promise<void> {
  const { backend, config, scratch, linear } = context;
  const { normed, gate, up } = scratch;
  await backend.linear(gate, normed, weights.gate, linear);
  await backend.linear(up, normed, weights.up, linear);
  if (config.activation === 'silu') backend.siluMul(gate, gate, up);
  else backend.geluTanhMul(gate, gate, up);
}

/** Adds the down projection of `gate` to `hidden`. */
export async function addMlp(
  context: LayerContext,
  { down, mlpOutputNorm }: Pick<LayerWeights, 'down' | 'mlpOutputNorm'>,
): Promise<void> {
  const { backend, scratch, linear } = context;
  await backend.linear(scratch.branch, scratch.gate, down, linear);
  addBranch(context, mlpOutputNorm);
}

/** Adds the output of attention or MLP to the residual stream. */
function addBranch({ backend, config, scratch: { hidden, branch } }: LayerContext, norm: Tensor | undefined): void {
  if (norm) backend.rmsNorm(branch, branch, norm, { epsilon: config.rmsNormEpsilon });
  backend.add(hidden, hidden, branch);
}
