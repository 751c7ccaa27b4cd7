import { describe, expect, it } from 'vitest';
import { ConfigFields } from './config-fields.ts';
import { readRopeConfig, type RopeConfig } from './rope-config.ts';
import { isJsonObject, parseJson } from './strict-json.ts';

function read(config: object, maxPositionEmbeddings = 4096): RopeConfig {
  const limits = { maxBytes: 10_000, maxDepth: 8, maxKeyBytes: 100, maxValues: 100, numbers: 'any' } as const;
  const document = parseJson(Buffer.from(JSON.stringify(config)), 'config.json', limits);
  if (!isJsonObject(document)) throw new TypeError('not an object');
  return readRopeConfig(new ConfigFields('config.json', document), maxPositionEmbeddings);
}

const llama3 = {
  factor: 32,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};

describe('readRopeConfig', () => {
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
