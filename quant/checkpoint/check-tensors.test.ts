import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { modelTensors } from './architecture.ts';
import { checkTensors, type FoundTensor } from './check-tensors.ts';
import { parseModelConfig, type ModelConfig } from './hf-config.ts';

const configOf = (change: object = {}): ModelConfig =>
  parseModelConfig(
    Buffer.from(
      JSON.stringify({
        model_type: 'llama',
        vocab_size: 100,
        hidden_size: 64,
        intermediate_size: 96,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        ...change,
      }),
    ),
  );

const file = 'model.safetensors';

function floatTensors(config: ModelConfig): Map<string, FoundTensor> {
  return new Map(modelTensors(config).map(({ name, shape }) => [name, { dtype: 'BF16', shape, file }]));
}

const upProj = 'model.layers.1.mlp.up_proj.weight';

describe('checkTensors', () => {
  const config = configOf();

  it('accepts what the model has, in any float dtype', () => {
    const tensors = floatTensors(config);
    tensors.set(upProj, { dtype: 'F16', shape: [96, 64], file });
    expect(checkTensors(config, tensors)).toEqual([]);
  });

  it('names a tensor of another shape, both shapes, and where the expected one is from', () => {
    const tensors = floatTensors(config).set(upProj, { dtype: 'BF16', shape: [96, 32], file });
    expect(() => checkTensors(config, tensors)).toThrow(InputError);
    expect(() => checkTensors(config, tensors)).toThrow(
      `${file}: tensor "${upProj}" has the shape [96, 32], expected [96, 64] (intermediate_size, hidden_size)`,
    );
    tensors.set(upProj, { dtype: 'BF16', shape: [96, 64, 1], file });
    expect(() => checkTensors(config, tensors)).toThrow(/has the shape \[96, 64, 1\]/);
  });

  it('names missing tensors, and counts those beyond a few', () => {
    const tensors = floatTensors(config);
    tensors.delete(upProj);
    expect(() => checkTensors(config, tensors)).toThrow(`${file}: llama with 2 layers lacks "${upProj}"`);
    expect(() => checkTensors(configOf({ num_hidden_layers: 3 }), floatTensors(config))).toThrow(
      /lacks "model.layers.2.input_layernorm.weight", .* and 6 more/,
    );
  });

  it('refuses a dtype that no float is in', () => {
    const tensors = floatTensors(config).set(upProj, { dtype: 'I8', shape: [96, 64], file });
    expect(() => checkTensors(config, tensors)).toThrow(/has the dtype I8, expected F32, F16, BF16/);
  });

  it('warns of tensors without a use', () => {
    const tensors = floatTensors(config);
    tensors.set('model.layers.0.self_attn.rotary_emb.inv_freq', { dtype: 'F32', shape: [8], file });
    expect(checkTensors(config, tensors)).toEqual([
      'tensors without a use in a llama model: "model.layers.0.self_attn.rotary_emb.inv_freq"',
    ]);
  });

  it('handles tied embeddings, with and without a copy of the head', () => {
    const tied = configOf({ tie_word_embeddings: true });
    expect(checkTensors(tied, floatTensors(tied))).toEqual([]);
    expect(checkTensors(tied, floatTensors(config))).toEqual([
      'lm_head.weight is not used: tie_word_embeddings is true',
    ]);
    expect(() => checkTensors(config, floatTensors(tied))).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('"tie_word_embeddings": true') as string }),
    );
  });
});
