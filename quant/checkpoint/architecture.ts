import type { ModelConfig } from './hf-config.ts';

export type TensorRole = 'embedding' | 'norm' | 'linear' | 'bias' | 'head';

/** One length of a tensor's shape, and the members of config.json that it follows from. */
export interface Dimension {
  length: number;
  from: string;
}

/** A tensor that a model of this configuration has. */
export interface ModelTensor {
  name: string;
  role: TensorRole;
  shape: readonly number[];
  /** Where each length of `shape` comes from, for messages. */
  dimensions: readonly Dimension[];
  /** Path of the module that owns it, as quantization configurations name it: `model.layers.0.self_attn.q_proj`. */
  module: string;
  layer?: number;
}

export const EMBEDDING_NAME = 'model.embed_tokens.weight';
export const HEAD_MODULE = 'lm_head';
export const HEAD_NAME = 'lm_head.weight';

/** Every tensor of the model in the order of evaluation. With tied embeddings there is no head. */
export function modelTensors(config: ModelConfig): ModelTensor[] {
  const vocabulary = dimension(config.vocabSize, 'vocab_size');
  const hidden = dimension(config.hiddenSize, 'hidden_size');
  const tensors = [tensor('model.embed_tokens', 'embedding', [vocabulary, hidden])];
  for (let layer = 0; layer < config.layers; layer++) {
    tensors.push(...layerTensors(config, hidden, `model.layers.${layer}`).map((entry) => ({ ...entry, layer })));
  }
  tensors.push(tensor('model.norm', 'norm', [hidden]));
  if (!config.tieWordEmbeddings) tensors.push(tensor(HEAD_MODULE, 'head', [vocabulary, hidden]));
  return tensors;
}

function layerTensors(config: ModelConfig, hidden: Dimension, prefix: string): ModelTensor[] {
  const headDim = dimension(config.headDim, 'head_dim');
  const queries = dimension(config.heads * config.headDim, 'num_attention_heads × head_dim');
  const keys = dimension(config.kvHeads * config.headDim, 'num_key_value_heads × head_dim');
  const inner = dimension(config.intermediateSize, 'intermediate_size');
  const attention = `${prefix}.self_attn`;
  const mlp = `${prefix}.mlp`;
  return [
    tensor(`${prefix}.input_layernorm`, 'norm', [hidden]),
    ...linear(`${attention}.q_proj`, queries, hidden, config.qkvBias),
    ...linear(`${attention}.k_proj`, keys, hidden, config.qkvBias),
    ...linear(`${attention}.v_proj`, keys, hidden, config.qkvBias),
    ...(config.qkNorm
      ? [tensor(`${attention}.q_norm`, 'norm', [headDim]), tensor(`${attention}.k_norm`, 'norm', [headDim])]
      : []),
    ...linear(`${attention}.o_proj`, hidden, queries, config.outputBias),
    ...(config.outputNorms ? [tensor(`${prefix}.post_attention_layernorm`, 'norm', [hidden])] : []),
    tensor(`${prefix}.${mlpNorm(config)}`, 'norm', [hidden]),
    ...linear(`${mlp}.gate_proj`, inner, hidden, config.mlpBias),
    ...linear(`${mlp}.up_proj`, inner, hidden, config.mlpBias),
    ...linear(`${mlp}.down_proj`, hidden, inner, config.mlpBias),
    ...(config.outputNorms ? [tensor(`${prefix}.post_feedforward_layernorm`, 'norm', [hidden])] : []),
  ];
}

/** The norm on the input of the MLP: Gemma's `post_attention_layernorm` is one on the output of the attention. */
export const mlpNorm = ({ outputNorms }: ModelConfig): string =>
  outputNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm';

function linear(module: string, outFeatures: Dimension, inFeatures: Dimension, hasBias: boolean): ModelTensor[] {
  const weight = tensor(module, 'linear', [outFeatures, inFeatures]);
  return hasBias ? [weight, tensor(module, 'bias', [outFeatures])] : [weight];
}

function tensor(module: string, role: TensorRole, dimensions: readonly Dimension[]): ModelTensor {
  const name = `${module}.${role === 'bias' ? 'bias' : 'weight'}`;
  return { name, role, shape: dimensions.map(({ length }) => length), dimensions, module };
}

const dimension = (length: number, from: string): Dimension => ({ length, from });
