import { describe, expect, it } from 'vitest';
import { modelTensors } from './architecture.ts';
import { parseModelConfig } from './hf-config.ts';

const tensorsOf = (config: object) => modelTensors(parseModelConfig(Buffer.from(JSON.stringify(config))));

const parametersOf = (config: object): number =>
  tensorsOf(config).reduce((total, { shape }) => total + shape.reduce((product, length) => product * length, 1), 0);

const smolLM2 = {
  model_type: 'llama',
  vocab_size: 49152,
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  tie_word_embeddings: true,
};
const mistral7B = {
  model_type: 'mistral',
  vocab_size: 32000,
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
};
const qwen2Half = {
  model_type: 'qwen2',
  vocab_size: 151936,
  hidden_size: 896,
  intermediate_size: 4864,
  num_hidden_layers: 24,
  num_attention_heads: 14,
  num_key_value_heads: 2,
  tie_word_embeddings: true,
};
const qwen3Small = {
  model_type: 'qwen3',
  vocab_size: 151936,
  hidden_size: 1024,
  intermediate_size: 3072,
  num_hidden_layers: 28,
  num_attention_heads: 16,
  num_key_value_heads: 8,
  head_dim: 128,
  tie_word_embeddings: true,
};
/** Heads and their dimension are left to the defaults. */
const gemma2Small = {
  model_type: 'gemma2',
  vocab_size: 256000,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
};
const gemma3Small = {
  model_type: 'gemma3_text',
  vocab_size: 262144,
  hidden_size: 1152,
  intermediate_size: 6912,
  num_hidden_layers: 26,
  num_attention_heads: 4,
  num_key_value_heads: 1,
};

describe('modelTensors', () => {
  it.each([
    ['SmolLM2-135M', smolLM2, 134_515_008],
    ['Mistral-7B-v0.1', mistral7B, 7_241_732_096],
    ['Qwen2.5-0.5B', qwen2Half, 494_032_768],
    ['Qwen3-0.6B', qwen3Small, 596_049_920],
    ['Gemma-2-2B', gemma2Small, 2_614_341_888],
    ['Gemma-3-1B', gemma3Small, 999_885_952],
  ])('gives %s the parameters that are published for it', (_, config, parameters) => {
    expect(parametersOf(config)).toBe(parameters);
  });

  it('names the tensors of a layer, their modules, roles and shapes', () => {
    const layer = tensorsOf(qwen3Small).filter((tensor) => tensor.layer === 1);
    expect(layer.map(({ name, role, shape }) => [name, role, shape])).toEqual([
      ['model.layers.1.input_layernorm.weight', 'norm', [1024]],
      ['model.layers.1.self_attn.q_proj.weight', 'linear', [2048, 1024]],
      ['model.layers.1.self_attn.k_proj.weight', 'linear', [1024, 1024]],
      ['model.layers.1.self_attn.v_proj.weight', 'linear', [1024, 1024]],
      ['model.layers.1.self_attn.q_norm.weight', 'norm', [128]],
      ['model.layers.1.self_attn.k_norm.weight', 'norm', [128]],
      ['model.layers.1.self_attn.o_proj.weight', 'linear', [1024, 2048]],
      ['model.layers.1.post_attention_layernorm.weight', 'norm', [1024]],
      ['model.layers.1.mlp.gate_proj.weight', 'linear', [3072, 1024]],
      ['model.layers.1.mlp.up_proj.weight', 'linear', [3072, 1024]],
      ['model.layers.1.mlp.down_proj.weight', 'linear', [1024, 3072]],
    ]);
    expect(layer[1].module).toBe('model.layers.1.self_attn.q_proj');
  });

  it('names the four norms of a layer of Gemma', () => {
    const norms = tensorsOf(gemma3Small).filter(({ layer, role }) => layer === 0 && role === 'norm');
    expect(norms.map(({ name, shape }) => [name, shape])).toEqual([
      ['model.layers.0.input_layernorm.weight', [1152]],
      ['model.layers.0.self_attn.q_norm.weight', [256]],
      ['model.layers.0.self_attn.k_norm.weight', [256]],
      ['model.layers.0.post_attention_layernorm.weight', [1152]],
      ['model.layers.0.pre_feedforward_layernorm.weight', [1152]],
      ['model.layers.0.post_feedforward_layernorm.weight', [1152]],
    ]);
  });

  it('has biases and a head where the configuration has them', () => {
    const names = (config: object) => tensorsOf(config).map(({ name }) => name);
    const biases = (config: object) => names(config).filter((name) => /layers\.0\..*bias/.test(name));
    expect(biases(qwen2Half).map((name) => name.split('.')[4])).toEqual(['q_proj', 'k_proj', 'v_proj']);
    expect(biases({ ...smolLM2, attention_bias: true, mlp_bias: true })).toHaveLength(7);
    expect(biases(mistral7B)).toEqual([]);
    expect(names(smolLM2)).not.toContain('lm_head.weight');
    expect(tensorsOf(mistral7B).at(-1)).toMatchObject({ name: 'lm_head.weight', role: 'head', module: 'lm_head' });
  });
});
