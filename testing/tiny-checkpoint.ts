import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../quant/checkpoint/safetensors-writer.ts';
import { modelTensors } from '../quant/checkpoint/architecture.ts';
import { readModelConfig } from '../quant/checkpoint/hf-config.ts';

/** A Qwen3 of two layers, small enough that a test may convert it hundreds of times. K is 64 and 96. */
export const tinyConfig: Readonly<Record<string, unknown>> = {
  architectures: ['Qwen3ForCausalLM'],
  model_type: 'qwen3',
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 32,
  vocab_size: 40,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
};

/** Changes the bytes of a tensor before they are written. */
export type Edit = (name: string, values: Uint16Array) => void;

/** Writes a model folder with BF16 weights that depend on nothing but their place. */
export function writeTinyCheckpoint(folder: string, config: object = tinyConfig, edit?: Edit): void {
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config, null, 2));
  writeFileSync(join(folder, 'tokenizer_config.json'), '{}');
  const tensors = modelTensors(readModelConfig(folder)).map(({ name, shape }, seed) => {
    const values = new Uint16Array(shape.reduce((product, length) => product * length, 1));
    for (let i = 0; i < values.length; i++) values[i] = pattern(seed * 7919 + i);
    edit?.(name, values);
    return { name, dtype: 'BF16' as const, shape, data: new Uint8Array(values.buffer) };
  });
  writeSafetensors(join(folder, 'model.safetensors'), tensors);
}

/** A BF16 value of magnitude 2^-9 to 2^-1, of either sign. */
function pattern(index: number): number {
  const mixed = Math.imul(index ^ (index >>> 7), 0x9e3779b1) >>> 0;
  const sign = (mixed & 1) << 15;
  const exponent = 118 + ((mixed >>> 8) & 7);
  return sign | (exponent << 7) | ((mixed >>> 16) & 0x7f);
}
