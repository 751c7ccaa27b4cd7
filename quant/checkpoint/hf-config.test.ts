import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { InputError, NotFoundError } from '../errors.ts';
import { parseModelConfig, readModelConfig, type ModelConfig } from './hf-config.ts';

const parse = (config: object): ModelConfig => parseModelConfig(Buffer.from(JSON.stringify(config)));

/** What SmolLM2-135M-Instruct says, in the spelling of transformers 4. */
const smolLM2 = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0.0,
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: 'silu',
  hidden_size: 576,
  initializer_range: 0.041666666666666664,
  intermediate_size: 1536,
  max_position_embeddings: 8192,
  mlp_bias: false,
  model_type: 'llama',
  num_attention_heads: 9,
  num_hidden_layers: 30,
  num_key_value_heads: 3,
  pad_token_id: 2,
  rms_norm_eps: 1e-5,
  rope_interleaved: false,
  rope_scaling: null,
  rope_theta: 100000,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  vocab_size: 49152,
};

const small = {
  model_type: 'llama',
  vocab_size: 100,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 4,
  num_attention_heads: 4,
};

describe('readModelConfig', () => {
  it('reads a folder and keeps the file as it was', () => {
    const folder = temporaryFolder();
    const text = JSON.stringify(smolLM2, null, 2);
    writeFileSync(join(folder, 'config.json'), text);
    const config = readModelConfig(folder);
    expect(config).toMatchObject({
      family: 'llama',
      vocabSize: 49152,
      hiddenSize: 576,
      intermediateSize: 1536,
      layers: 30,
      heads: 9,
      kvHeads: 3,
      headDim: 64,
      rmsNormEpsilon: 1e-5,
      maxPositionEmbeddings: 8192,
      tieWordEmbeddings: true,
      qkvBias: false,
      outputBias: false,
      mlpBias: false,
      qkNorm: false,
      rope: { theta: 100000, scaling: { kind: 'none' } },
      bosTokenId: 1,
      eosTokenIds: [2],
      dtype: 'BF16',
      quantization: undefined,
    });
    expect(config.slidingWindow).toEqual(Array(30).fill(undefined));
    expect(config.text).toBe(text);
    expect([...config.raw.keys()]).toEqual(Object.keys(smolLM2));
  });

  it('says that the file is missing, or too large without reading it', () => {
    const folder = temporaryFolder();
    expect(() => readModelConfig(folder)).toThrow(NotFoundError);
    writeFileSync(join(folder, 'config.json'), '');
    truncateSync(join(folder, 'config.json'), 2 ** 31);
    expect(() => readModelConfig(folder)).toThrow(/2147483648 bytes are over the limit of 16777216/);
  });
});

describe('parseModelConfig', () => {
  it('fills in the defaults of each family', () => {
    expect(parse(small)).toMatchObject({ kvHeads: 4, headDim: 16, rmsNormEpsilon: 1e-6, maxPositionEmbeddings: 2048 });
    expect(parse({ ...small, model_type: 'mistral', num_attention_heads: 8 })).toMatchObject({
      kvHeads: 8,
      maxPositionEmbeddings: 131072,
      slidingWindow: [4096, 4096, 4096, 4096],
    });
    expect(parse({ ...small, model_type: 'qwen2', num_key_value_heads: null })).toMatchObject({
      kvHeads: 4,
      headDim: 16,
      qkvBias: true,
      outputBias: false,
      maxPositionEmbeddings: 32768,
    });
    expect(parse({ ...small, model_type: 'qwen3', num_key_value_heads: 2 })).toMatchObject({
      headDim: 128,
      qkvBias: false,
      qkNorm: true,
    });
  });

  it('takes biases from attention_bias and mlp_bias where the family has them', () => {
    expect(parse({ ...small, attention_bias: true, mlp_bias: true })).toMatchObject({
      qkvBias: true,
      outputBias: true,
      mlpBias: true,
    });
  });

  it('reads both spellings of the dtype, several end tokens, and none', () => {
    expect(parse({ ...small, dtype: 'float16', eos_token_id: [7, 8] })).toMatchObject({
      dtype: 'F16',
      eosTokenIds: [7, 8],
      bosTokenId: undefined,
    });
    expect(parse({ ...small, torch_dtype: 'float32', dtype: 'float32' }).dtype).toBe('F32');
    expect(parse({ ...small, eos_token_id: null }).eosTokenIds).toEqual([]);
  });

  it('names the method of weights that are quantized already', () => {
    expect(parse({ ...small, quantization_config: { quant_method: 'gptq' } }).quantization).toBe('gptq');
    expect(parse({ ...small, quantization_config: { bits: 4 } }).quantization).toBe('unknown');
    const mlx = { bits: 4, group_size: 64 };
    expect(parse({ ...small, quantization: mlx, quantization_config: mlx }).quantization).toBe('mlx');
  });

  it.each<[string, object, RegExp]>([
    ['a fraction', { hidden_size: 64.5 }, /hidden_size is 64.5; expected an integer from 1 to 131071/],
    ['zero', { hidden_size: 0 }, /hidden_size is 0; expected an integer from 1/],
    ['a negative number', { vocab_size: -5 }, /vocab_size is -5; expected/],
    ['a string', { num_attention_heads: '4' }, /num_attention_heads is "4"; expected an integer/],
    ['a list', { intermediate_size: [96] }, /intermediate_size is a list; expected an integer/],
    ['a billion layers', { num_hidden_layers: 1e9 }, /num_hidden_layers is 1000000000; .* from 1 to 1260/],
    ['an integer past 2^53', { num_hidden_layers: 2 ** 53 }, /num_hidden_layers is 9007199254740992; /],
    ['an absent size', { vocab_size: undefined }, /vocab_size is missing; expected an integer/],
    ['a null size', { vocab_size: null }, /vocab_size is missing/],
    ['heads that do not divide', { num_key_value_heads: 3 }, /num_key_value_heads is 3; num_attention_heads 4 is not/],
    ['an odd head', { head_dim: 15 }, /head_dim is 15; RoPE needs an even head dimension/],
    ['a width without a head', { hidden_size: 66 }, /hidden_size is 66; it is not a multiple of num_attention_heads 4/],
    [
      'heads that are too wide',
      { num_attention_heads: 64, head_dim: 4096 },
      /num_attention_heads is 64; with head_dim 4096/,
    ],
    ['an epsilon of zero', { rms_norm_eps: 0 }, /rms_norm_eps is 0; expected a number from/],
    ['a boolean in quotes', { tie_word_embeddings: 'true' }, /tie_word_embeddings is "true"; expected true or false/],
    ['a negative token', { eos_token_id: [2, -1] }, /eos_token_id is a list; expected token ids from 0/],
    ['an unknown dtype', { torch_dtype: 'int8' }, /torch_dtype is "int8"; known: float32, float16, bfloat16/],
    ['two dtypes', { dtype: 'float16', torch_dtype: 'bfloat16' }, /dtype is "float16"; torch_dtype says "bfloat16"/],
    [
      'another family',
      { model_type: 'gpt2' },
      /model_type is "gpt2"; known: llama, mistral, qwen2, qwen3, gemma2, gemma3_text$/,
    ],
    ['Gemma 3 with a vision model', { model_type: 'gemma3' }, /model_type is "gemma3"; known: .*, gemma3_text$/],
    [
      'attention to later positions',
      { use_bidirectional_attention: true },
      /use_bidirectional_attention is true; only/,
    ],
    ['no family', { model_type: undefined }, /model_type is missing; expected one of llama/],
    [
      'another head',
      { architectures: ['LlamaForSequenceClassification'] },
      /architectures is a list; .*LlamaForCausalLM/,
    ],
    ['another activation', { hidden_act: 'gelu' }, /hidden_act is "gelu"; known: silu/],
    ['interleaved RoPE', { rope_interleaved: true }, /rope_interleaved is true; only/],
    ['a partial rotation', { partial_rotary_factor: 0.5 }, /partial_rotary_factor is 0.5; only/],
    [
      'a bias that Mistral lacks',
      { model_type: 'mistral', attention_bias: true },
      /attention_bias is true; mistral .* never/,
    ],
    ['no bias in Qwen2', { model_type: 'qwen2', attention_bias: false }, /attention_bias is false; qwen2 .* always/],
    ['a bias that Qwen3 lacks', { model_type: 'qwen3', mlp_bias: true }, /mlp_bias is true; qwen3 .* never/],
  ])('refuses %s', (_, change, message) => {
    expect(() => parse({ ...small, ...change })).toThrow(InputError);
    expect(() => parse({ ...small, ...change })).toThrow(message);
  });

  it('refuses what is no JSON object', () => {
    expect(() => parseModelConfig(Buffer.from('[]'))).toThrow(/expected a JSON object/);
    expect(() => parseModelConfig(Buffer.from('{"model_type":'))).toThrow(InputError);
  });

  it('gives the field and its value to scripts', () => {
    try {
      parse({ ...small, hidden_size: 0 });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'E_CONFIG_FIELD',
        details: { file: 'config.json', field: 'hidden_size', value: '0' },
      });
    }
  });
});

describe('Gemma', () => {
  const gemma2 = { ...small, model_type: 'gemma2' };
  const gemma3 = { ...small, model_type: 'gemma3_text' };

  it('has the defaults of transformers', () => {
    const both = {
      kvHeads: 4,
      headDim: 256,
      rmsNormEpsilon: 1e-6,
      tieWordEmbeddings: true,
      activation: 'geluTanh',
      embeddingScale: 8,
      gainOffset: 1,
      outputNorms: true,
      attentionScale: 1 / 16,
    };
    expect(parse(gemma2)).toMatchObject({
      ...both,
      maxPositionEmbeddings: 8192,
      qkNorm: false,
      attentionSoftCap: 50,
      logitSoftCap: 30,
    });
    expect(parse(gemma3)).toMatchObject({
      ...both,
      maxPositionEmbeddings: 131072,
      qkNorm: true,
      attentionSoftCap: undefined,
      logitSoftCap: undefined,
    });
    expect(parse(small)).toMatchObject({
      activation: 'silu',
      embeddingScale: 1,
      gainOffset: 0,
      outputNorms: false,
      attentionScale: 1 / 4,
      attentionSoftCap: undefined,
      logitSoftCap: undefined,
    });
  });

  it('is read as its files have it', () => {
    const given = {
      query_pre_attn_scalar: 144,
      attn_logit_softcapping: null,
      final_logit_softcapping: null,
      tie_word_embeddings: false,
      // Not read by its code.
      hidden_act: 'gelu',
      hidden_activation: 'gelu_pytorch_tanh',
    };
    expect(parse({ ...gemma2, ...given })).toMatchObject({
      attentionScale: 1 / 12,
      attentionSoftCap: undefined,
      logitSoftCap: undefined,
      tieWordEmbeddings: false,
    });
    expect(parse({ ...gemma3, final_logit_softcapping: 20 }).logitSoftCap).toBe(20);
  });

  it('rounds the scale of the embedding to f32', () => {
    const { embeddingScale } = parse({ ...gemma2, hidden_size: 2304 + 4 });
    expect(embeddingScale).toBe(Math.fround(Math.sqrt(2308)));
  });

  it.each<[string, object, RegExp]>([
    [
      'another activation',
      { ...gemma2, hidden_activation: 'gelu' },
      /hidden_activation is "gelu"; known: gelu_pytorch/,
    ],
    [
      'a cap of zero',
      { ...gemma2, final_logit_softcapping: 0 },
      /final_logit_softcapping is 0; expected a number from/,
    ],
    [
      'a cap that Gemma 3 lacks',
      { ...gemma3, attn_logit_softcapping: 50 },
      /softcapping is 50; gemma3_text models have/,
    ],
    ['a cap that Llama lacks', { ...small, final_logit_softcapping: 30 }, /softcapping is 30; llama models have no/],
    [
      'a scale of zero',
      { ...gemma3, query_pre_attn_scalar: 0 },
      /query_pre_attn_scalar is 0; expected a number from 1/,
    ],
  ])('refuses %s', (_, config, message) => {
    expect(() => parse(config)).toThrow(message);
  });
});

describe('sliding windows', () => {
  const windows = (change: object) => parse({ ...small, num_key_value_heads: 4, ...change }).slidingWindow;
  const none = undefined;

  it('follow each family', () => {
    expect(windows({ model_type: 'mistral', sliding_window: null })).toEqual([none, none, none, none]);
    expect(windows({ model_type: 'mistral', sliding_window: 32 })).toEqual([32, 32, 32, 32]);
    expect(windows({ model_type: 'qwen2', sliding_window: 32 })).toEqual([none, none, none, none]);
    const qwen = { model_type: 'qwen3', use_sliding_window: true, sliding_window: 32 };
    expect(windows(qwen)).toEqual([none, none, none, none]);
    expect(windows({ ...qwen, max_window_layers: 3 })).toEqual([none, none, none, 32]);
    expect(windows({ ...qwen, sliding_window: null, max_window_layers: 0 })).toEqual([none, none, none, none]);
    expect(windows({ ...qwen, sliding_window: undefined, max_window_layers: 2 })).toEqual([none, none, 4096, 4096]);
  });

  const [full, sliding] = ['full_attention', 'sliding_attention'];

  it('follow layer_types before max_window_layers', () => {
    const qwen = { model_type: 'qwen2', use_sliding_window: true, sliding_window: 8, max_window_layers: 4 };
    expect(windows({ ...qwen, layer_types: [sliding, full, sliding, full] })).toEqual([8, none, 8, none]);
    expect(windows({ layer_types: [full, full, full, full] })).toEqual([none, none, none, none]);
  });

  it('alternate in Gemma', () => {
    const gemma2 = { model_type: 'gemma2', sliding_window: 8 };
    expect(windows(gemma2)).toEqual([8, none, 8, none]);
    expect(windows({ model_type: 'gemma2' })).toEqual([4096, none, 4096, none]);
    expect(windows({ ...gemma2, layer_types: [full, full, sliding, sliding] })).toEqual([none, none, 8, 8]);
    const gemma3 = { model_type: 'gemma3_text', sliding_window: 8 };
    expect(windows({ ...gemma3, num_hidden_layers: 7 })).toEqual([8, 8, 8, 8, 8, none, 8]);
    expect(windows({ ...gemma3, sliding_window_pattern: 2 })).toEqual([8, none, 8, none]);
    const types = [sliding, full, full, full];
    expect(windows({ ...gemma3, sliding_window_pattern: 2, layer_types: types })).toEqual([8, none, none, none]);
  });

  it.each<[string, object, RegExp]>([
    ['of no length in Gemma', { model_type: 'gemma2', sliding_window: null }, /sliding_window is null; gemma2 needs/],
    ['in Llama', { sliding_window: 4096 }, /sliding_window is 4096; llama layers attend to all/],
    ['of no position', { model_type: 'mistral', sliding_window: 0 }, /sliding_window is 0; expected an integer from 1/],
    ['without a length', { model_type: 'qwen3', layer_types: [full, full, full, sliding] }, /needs a sliding_window/],
    [
      'of another kind',
      { layer_types: [full, full, full, 'chunked_attention'] },
      /"chunked_attention" is not one of full/,
    ],
    ['of too few layers', { layer_types: [full] }, /it has 1 entries for num_hidden_layers 4/],
    [
      'of some layers of Mistral',
      { model_type: 'mistral', sliding_window: 8, layer_types: [full, full, full, sliding] },
      /mistral layers all attend alike/,
    ],
  ])('are refused %s', (_, change, message) => {
    expect(() => windows(change)).toThrow(message);
  });
});
