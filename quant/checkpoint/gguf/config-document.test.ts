import { describe, expect, it } from 'vitest';
import type { GgufValue, TypedValue, ValueType } from './metadata-value.ts';
import { configDocument } from './config-document.ts';
import { readArchitecture } from './families.ts';
import { GgufMetadata, shortestDecimal } from './metadata.ts';

type Values = Readonly<Record<string, GgufValue>>;

/** config.json of a model of this architecture with these keys; floats are of 32 bits. */
function documentOf(architecture: string, values: Values): Readonly<Record<string, unknown>> {
  const typed = new Map<string, TypedValue>();
  const add = (key: string, value: GgufValue): void => {
    const type: ValueType = typeof value === 'number' ? (Number.isInteger(value) ? 'u32' : 'f32') : 'string';
    typed.set(key, { type, value: type === 'f32' ? Math.fround(value as number) : value });
  };
  add('general.architecture', architecture);
  const common = {
    context_length: 4096,
    embedding_length: 4608,
    block_count: 4,
    feed_forward_length: 64,
    'attention.head_count': 32,
    'attention.key_length': 128,
    'attention.layer_norm_rms_epsilon': 1e-6,
  };
  for (const [key, value] of Object.entries({ ...common, ...values })) {
    add(key.startsWith('tokenizer.') ? key : `${architecture}.${key}`, value);
  }
  const metadata = new GgufMetadata('x.gguf', typed);
  const source = { metadata, architecture: readArchitecture(metadata), tensors: new Map() };
  return configDocument({ ...source, readFloats: () => new Float32Array(0) });
}

describe('configDocument', () => {
  it('has floats as they were written, before they became f32', () => {
    expect(documentOf('llama', { 'rope.freq_base': 1e6 })).toMatchObject({ rms_norm_eps: 1e-6, rope_theta: 1e6 });
    for (const value of [1e-5, 0.1, 1 / 3, 16777216, 3.4e38, 1e-45]) {
      expect(Math.fround(shortestDecimal(Math.fround(value)))).toBe(Math.fround(value));
    }
    expect(shortestDecimal(Math.fround(0.1))).toBe(0.1);
  });

  it('scales the scores of Gemma as its sizes have it: by width with 27 billion parameters', () => {
    const window = { 'attention.sliding_window': 4096 };
    expect(documentOf('gemma2', window)['query_pre_attn_scalar']).toBe(128);
    expect(documentOf('gemma2', { ...window, block_count: 46 })['query_pre_attn_scalar']).toBe(144);
    expect(documentOf('gemma3', { ...window, block_count: 62, embedding_length: 5376 })['query_pre_attn_scalar']).toBe(
      168,
    );
    expect(() => documentOf('gemma2', { ...window, 'attention.scale': 0.5 })).toThrow(
      'gemma2.attention.scale is 0.5; only 1 / sqrt(128) is supported',
    );
  });

  it('has the soft caps of Gemma 2, whether the file says so or not', () => {
    const window = { 'attention.sliding_window': 4096 };
    expect(documentOf('gemma2', window)).toMatchObject({ attn_logit_softcapping: 50, final_logit_softcapping: 30 });
    expect(documentOf('gemma2', { ...window, final_logit_softcapping: 0 })['final_logit_softcapping']).toBeNull();
    expect(documentOf('gemma3', window)['final_logit_softcapping']).toBeNull();
  });

  it('has the windows of each family', () => {
    expect(documentOf('llama', {})).toMatchObject({ model_type: 'llama' });
    expect(documentOf('llama', { 'attention.sliding_window': 32 })).toMatchObject({
      model_type: 'mistral',
      sliding_window: 32,
    });
    expect(documentOf('gemma3', {})).toMatchObject({ sliding_window_pattern: 1 });
    expect(documentOf('gemma3', { 'attention.sliding_window': 32 })).toMatchObject({ sliding_window_pattern: 6 });
    expect(() => documentOf('gemma2', {})).toThrow('"gemma2.attention.sliding_window" is missing');
    expect(() => documentOf('qwen3', { 'attention.sliding_window': 32 })).toThrow(
      'qwen3.attention.sliding_window is 32',
    );
  });

  it('refuses rotations that config.json cannot describe', () => {
    const yarn = { 'rope.scaling.type': 'yarn', 'rope.scaling.factor': 4 };
    expect(() => documentOf('qwen3', yarn)).toThrow('"qwen3.rope.scaling.original_context_length" is missing');
    const sized = { ...yarn, 'rope.scaling.original_context_length': 1024 };
    expect(documentOf('qwen3', { ...sized, 'rope.scaling.yarn_beta_fast': 16 })['rope_scaling']).toEqual({
      rope_type: 'yarn',
      factor: 4,
      original_max_position_embeddings: 1024,
      beta_fast: 16,
    });
    expect(() => documentOf('qwen3', { ...sized, 'rope.scaling.yarn_attn_factor': 1 })).toThrow(
      'yarn_attn_factor is 1',
    );
    expect(() => documentOf('llama', { 'rope.scale_linear': 0.25 })).toThrow('llama.rope.scale_linear is 0.25');
  });

  it('ends texts at each token that the file calls an end', () => {
    const ids = {
      'tokenizer.ggml.eos_token_id': 5,
      'tokenizer.ggml.eot_token_id': 7,
      'tokenizer.ggml.bos_token_id': 1,
    };
    expect(documentOf('llama', ids)).toMatchObject({ bos_token_id: 1, eos_token_id: [5, 7] });
    expect(documentOf('llama', { ...ids, 'tokenizer.ggml.eot_token_id': 5 })).toMatchObject({ eos_token_id: 5 });
  });
});
