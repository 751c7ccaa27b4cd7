import { setImmediate } from 'node:timers/promises';
import type { Backend, Tensor, Weight } from '../../kernels/backend.ts';
import { EMBEDDING_NAME, HEAD_MODULE, mlpNorm } from '../../quant/checkpoint/architecture.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import type { DecoderWeights, LayerNorms, LayerWeights } from './decoder-weights.ts';
import { DecoderModel } from './model.ts';

/** Moves the modules of a model to a backend, wherever they come from. */
export interface ModuleLoader {
  /** Everything loaded so far. */
  readonly handles: readonly (Tensor | Weight)[];
  /** Of everything loaded so far, in its stored form. */
  readonly bytes: number;
  /** The gain of a norm as it multiplies, the offset of the family included: `[1, columns]`. */
  gain(module: string): Tensor | Promise<Tensor>;
  /** A matrix that is never quantized. */
  dense(name: string): Weight | Promise<Weight>;
  head(module: string): Weight | Promise<Weight>;
  linear(module: string, hasBias: boolean): Weight | Promise<Weight>;
}

/** Loads a whole model, tensor by tensor; what is loaded is released again if that fails. */
export async function loadDecoder(loader: ModuleLoader, config: ModelConfig, backend: Backend): Promise<DecoderModel> {
  try {
    return new DecoderModel(backend, config, await loadWeights(loader, config));
  } catch (error) {
    for (const handle of loader.handles) backend.release(handle);
    throw error;
  }
}

async function loadWeights(loader: ModuleLoader, config: ModelConfig): Promise<DecoderWeights> {
  const embedding = await loader.dense(EMBEDDING_NAME);
  const layers: LayerWeights[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    layers.push(await loadLayer(loader, config, layer));
    // Lets signals through.
    await setImmediate();
  }
  const norm = await loader.gain('model.norm');
  const head = config.tieWordEmbeddings ? embedding : await loader.head(HEAD_MODULE);
  return { embedding, layers, norm, head, handles: loader.handles, bytes: loader.bytes };
}

/** The weights of one layer. */
export async function loadLayer(loader: ModuleLoader, config: ModelConfig, layer: number): Promise<LayerWeights> {
  const attention = `model.layers.${layer}.self_attn`;
  const mlp = `model.layers.${layer}.mlp`;
  return {
    ...(await loadLayerNorms(loader, config, layer)),
    query: await loader.linear(`${attention}.q_proj`, config.qkvBias),
    key: await loader.linear(`${attention}.k_proj`, config.qkvBias),
    value: await loader.linear(`${attention}.v_proj`, config.qkvBias),
    output: await loader.linear(`${attention}.o_proj`, config.outputBias),
    gate: await loader.linear(`${mlp}.gate_proj`, config.mlpBias),
    up: await loader.linear(`${mlp}.up_proj`, config.mlpBias),
    down: await loader.linear(`${mlp}.down_proj`, config.mlpBias),
  };
}

/** The norms of one layer. */
export async function loadLayerNorms(
  loader: Pick<ModuleLoader, 'gain'>,
  config: ModelConfig,
  layer: number,
): Promise<LayerNorms> {
  const norm = async (module: string): Promise<Tensor> => loader.gain(`model.layers.${layer}.${module}`);
  const headNorm = async (name: string): Promise<Tensor | undefined> =>
    config.qkNorm ? norm(`self_attn.${name}`) : undefined;
  const outputNorm = async (name: string): Promise<Tensor | undefined> => (config.outputNorms ? norm(name) : undefined);
  return {
    inputNorm: await norm('input_layernorm'),
    queryNorm: await headNorm('q_norm'),
    keyNorm: await headNorm('k_norm'),
    attentionOutputNorm: await outputNorm('post_attention_layernorm'),
    mlpNorm: await norm(mlpNorm(config)),
    mlpOutputNorm: await outputNorm('post_feedforward_layernorm'),
  };
}
