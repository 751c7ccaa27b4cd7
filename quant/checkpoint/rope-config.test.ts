import { describe, expect, it } from 'vitest';
import { ConfigFields } from './config-fields.ts';
import type { Family } from './families.ts';
import { readRopeConfigs, type RopeConfig, type RopeConfigs } from './rope-config.ts';
import { isJsonObject, parseJson } from './strict-json.ts';

function readAs(family: Family, config: object): RopeConfigs {
  const limits = { maxBytes: 10_000, maxDepth: 8, maxKeyBytes: 100, maxValues: 100, numbers: 'any' } as const;
  const document = parseJson(Buffer.from(JSON.stringify(config)), 'config.json', limits);
  if (!isJsonObject(document)) throw new TypeError('not an object');
  return readRopeConfigs(new ConfigFields('config.json', document), family, 4096);
}

const read = (config: object): RopeConfig => readAs('llama', config).rope;

const llama3 = {
  factor: 32,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};

describe('readRopeConfigs', () => {
  it('has no scaling and a theta of 10000 by default', () => {
    const plain = { theta: 10000, scaling: { kind: 'none' } };
    expect(read({})).toEqual(plain);
    expect(read({ rope_scaling: null })).toEqual(plain);
    expect(read({ rope_scaling: {}, rope_parameters: {} })).toEqual(plain);
    expect(read({ rope_parameters: { rope_type: 'default' } })).toEqual(plain);
  });

  it('reads the spellings of transformers 4 and 5 alike', () => {
    const expected = {
      theta: 500000,
      scaling: {
        kind: 'llama3',
        factor: 32,
        lowFrequencyFactor: 1,
        highFrequencyFactor: 4,
        originalMaxPositionEmbeddings: 8192,
      },
    };
    expect(read({ rope_theta: 500000, rope_scaling: { rope_type: 'llama3', ...llama3 } })).toEqual(expected);
    expect(read({ rope_theta: 500000, rope_scaling: { type: 'llama3', ...llama3 } })).toEqual(expected);
    expect(read({ rope_parameters: { rope_type: 'llama3', rope_theta: 500000, ...llama3 } })).toEqual(expected);
    expect(
      read({
        rope_theta: 500000,
        rope_scaling: { type: 'llama3', ...llama3 },
        rope_parameters: { rope_type: 'llama3', rope_theta: 500000, ...llama3 },
      }),
    ).toEqual(expected);
  });

  it('takes the original length from the parameters, the top of the file, or the longest position', () => {
    const yarn = { rope_type: 'yarn', factor: 4 };
    const original = (config: object) => read(config).scaling;
    const name = 'original_max_position_embeddings';
    expect(original({ rope_scaling: { ...yarn, [name]: 32768 } })).toMatchObject({
      originalMaxPositionEmbeddings: 32768,
    });
    expect(original({ rope_scaling: yarn, [name]: 1024 })).toMatchObject({ originalMaxPositionEmbeddings: 1024 });
    expect(original({ rope_scaling: yarn })).toMatchObject({ originalMaxPositionEmbeddings: 4096 });
  });

  it('has the defaults of yarn', () => {
    expect(read({ rope_scaling: { rope_type: 'yarn', factor: 4 } }).scaling).toEqual({
      kind: 'yarn',
      factor: 4,
      originalMaxPositionEmbeddings: 4096,
      betaFast: 32,
      betaSlow: 1,
      truncate: true,
      attentionFactor: undefined,
      mscale: undefined,
      mscaleAllDim: undefined,
    });
  });

  it.each<[string, object, RegExp]>([
    [
      'dynamic',
      { rope_type: 'dynamic', factor: 2 },
      /rope_scaling.rope_type is "dynamic"; known: default, linear, llama3/,
    ],
    ['longrope', { type: 'longrope' }, /rope_scaling.type is "longrope"; known/],
    ['constructor', { type: 'constructor' }, /rope_scaling.type is "constructor"; known/],
    ['two kinds', { type: 'linear', rope_type: 'yarn', factor: 2 }, /rope_type is "yarn"; type says "linear"/],
    ['no factor', { type: 'linear' }, /rope_scaling.factor is missing/],
    ['a factor below 1', { type: 'linear', factor: 0.5 }, /rope_scaling.factor is 0.5; expected a number from 1/],
    ['a factor in quotes', { type: 'yarn', factor: '4' }, /rope_scaling.factor is "4"; expected a number/],
    [
      'an unknown parameter',
      { type: 'yarn', factor: 4, finetuned: true },
      /finetuned is true; RoPE of kind yarn has no/,
    ],
    [
      'a parameter of another kind',
      { type: 'linear', factor: 4, beta_fast: 32 },
      /beta_fast is 32; RoPE of kind linear/,
    ],
    ['sections of M-RoPE', { type: 'default', mrope_section: [1] }, /mrope_section is a list; RoPE of kind default/],
    [
      'a partial rotation',
      { type: 'default', partial_rotary_factor: 0.5 },
      /rope_scaling.partial_rotary_factor is 0.5/,
    ],
    ['reversed bands', { type: 'llama3', ...llama3, low_freq_factor: 4 }, /high_freq_factor is 4; it must exceed/],
    [
      'another theta',
      { type: 'default', rope_theta: 5000 },
      /rope_scaling.rope_theta is 5000; the top .* rope_theta 10000/,
    ],
    ['a theta of 1', { type: 'default', rope_theta: 1 }, /rope_theta is 1; expected a number from/],
  ])('refuses %s', (_, scaling, message) => {
    expect(() => read({ rope_theta: 10000, rope_scaling: scaling })).toThrow(message);
  });

  it('refuses two contradicting answers', () => {
    const linear = { type: 'linear', factor: 2 };
    expect(() => read({ rope_scaling: linear, rope_parameters: { ...linear, factor: 4 } })).toThrow(/contradict/);
    const name = 'original_max_position_embeddings';
    expect(() => read({ [name]: 512, rope_scaling: { type: 'yarn', factor: 2, [name]: 1024 } })).toThrow(
      /rope_scaling.original_max_position_embeddings is 1024; the top of the file has .* 512/,
    );
  });
});

describe('RoPE by kind of layer', () => {
  const linear = { rope_type: 'linear', factor: 8 };
  const expected: RopeConfigs = {
    rope: { theta: 2e6, scaling: { kind: 'linear', factor: 8 } },
    slidingRope: { theta: 5000, scaling: { kind: 'none' } },
  };

  it('is one and the same but for Gemma 3', () => {
    const { rope, slidingRope } = readAs('gemma2', { rope_theta: 5000, rope_scaling: linear });
    expect(rope).toEqual({ theta: 5000, scaling: { kind: 'linear', factor: 8 } });
    expect(slidingRope).toEqual(rope);
  });

  it('is read in the spellings of transformers 4 and 5 alike', () => {
    const older = { rope_theta: 2e6, rope_local_base_freq: 5000, rope_scaling: linear };
    const newer = {
      rope_parameters: {
        full_attention: { ...linear, rope_theta: 2e6 },
        sliding_attention: { rope_type: 'default', rope_theta: 5000 },
      },
    };
    expect(readAs('gemma3_text', older)).toEqual(expected);
    expect(readAs('gemma3_text', newer)).toEqual(expected);
    expect(readAs('gemma3_text', { ...older, ...newer })).toEqual(expected);
  });

  it('has a theta for each by default', () => {
    const none = { kind: 'none' };
    const defaults = { rope: { theta: 1e6, scaling: none }, slidingRope: { theta: 10000, scaling: none } };
    expect(readAs('gemma3_text', {})).toEqual(defaults);
    expect(readAs('gemma3_text', { rope_scaling: null, rope_parameters: {} })).toEqual(defaults);
    const full = { full_attention: { rope_type: 'default' } };
    expect(readAs('gemma3_text', { rope_parameters: full })).toEqual(defaults);
  });

  it.each<[string, object, RegExp]>([
    [
      'RoPE of no kind of layer',
      { rope_parameters: { rope_type: 'default', rope_theta: 1e6 } },
      /rope_parameters.rope_type is "default"; gemma3_text has RoPE for full_attention and for sliding_attention/,
    ],
    [
      'another local theta',
      { rope_local_base_freq: 5000, rope_parameters: { sliding_attention: { rope_theta: 1e4 } } },
      /sliding_attention.rope_theta is 10000; the top of the file has rope_local_base_freq 5000/,
    ],
    [
      'another scaling',
      { rope_scaling: linear, rope_parameters: { full_attention: { rope_type: 'default' } } },
      /contradict/,
    ],
  ])('refuses %s', (_, config, message) => {
    expect(() => readAs('gemma3_text', config)).toThrow(message);
  });
});
