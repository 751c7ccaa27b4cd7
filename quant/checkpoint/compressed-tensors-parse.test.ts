import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { readQuantization } from './compressed-tensors-parse.ts';
import type { QuantizedModel } from './compressed-tensors.ts';
import { isJsonObject, parseJson } from './strict-json.ts';

type Json = Record<string, unknown>;

function read(config: Json): QuantizedModel | undefined {
  const limits = { maxBytes: 100_000, maxDepth: 16, maxKeyBytes: 100, maxValues: 1000, numbers: 'any' } as const;
  const document = parseJson(Buffer.from(JSON.stringify(config)), 'config.json', limits);
  if (!isJsonObject(document)) throw new TypeError('not an object');
  return readQuantization(document);
}

const weights: Json = {
  num_bits: 8,
  type: 'int',
  symmetric: true,
  strategy: 'channel',
  group_size: null,
  dynamic: false,
};
const activations: Json = { num_bits: 8, type: 'int', symmetric: true, strategy: 'token', dynamic: true };
const scheme: Json = { targets: ['Linear'], weights, input_activations: activations, output_activations: null };
const config: Json = {
  quant_method: 'compressed-tensors',
  format: 'int-quantized',
  quantization_status: 'compressed',
  ignore: ['lm_head'],
  config_groups: { group_0: scheme },
};

const readWith = (change: Json) => read({ quantization_config: { ...config, ...change } });
const readScheme = (change: Json) => readWith({ config_groups: { group_0: { ...scheme, ...change } } });
const readWeights = (change: Json) => readScheme({ weights: { ...weights, ...change } });
const readActivations = (change: Json) => readScheme({ input_activations: { ...activations, ...change } });

describe('readQuantization', () => {
  it('has nothing to say about a float model', () => {
    expect(read({ model_type: 'llama' })).toBeUndefined();
    expect(read({ quantization_config: null })).toBeUndefined();
  });

  it('accepts other spellings of the same', () => {
    const expected: QuantizedModel = { mode: 'w8a8', groupSize: 0, perChannel: [], ignore: ['lm_head'] };
    expect(readWith({})).toEqual(expected);
    const observers = { observer: 'minmax', observer_kwargs: {}, actorder: null, block_structure: null };
    expect(readWeights({ ...observers, group_size: -1, zp_dtype: null, scale_dtype: null })).toEqual(expected);
    expect(
      readWith({
        version: '0.9.2',
        quantization_status: 'frozen',
        global_compression_ratio: 1.5,
        sparsity_config: {},
        transform_config: {},
        kv_cache_scheme: null,
      }),
    ).toEqual(expected);
    expect(readScheme({ format: 'int-quantized' })).toEqual(expected);
    expect(readWeights({ actorder: 'static' })).toEqual(expected);
    expect(readWeights({ actorder: 'weight' })).toEqual(expected);
    expect(readWith({ ignore: null })?.ignore).toEqual([]);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'GPTQ',
      () => readWith({ quant_method: 'gptq' }),
      /quantization_config.quant_method is "gptq"; known: compressed-/,
    ],
    ['no method', () => readWith({ quant_method: undefined }), /quant_method is missing; known: compressed-tensors/],
    ['MLX', () => read({ quantization: { bits: 4 } }), /quantization is an object; weights quantized by MLX/],
    ['an older member', () => read({ compression_config: config }), /compression_config is an object; known/],
    [
      'another format',
      () => readWith({ format: 'marlin-24' }),
      /format is "marlin-24"; expected int-quantized or pack-/,
    ],
    ['no format', () => readWith({ format: undefined }), /format is missing/],
    ['another status', () => readWith({ quantization_status: 'initialized' }), /status is "initialized"; expected/],
    [
      'sparsity',
      () => readWith({ sparsity_config: { format: 'sparse-24-bitmask' } }),
      /sparsity_config is an object; exp/,
    ],
    [
      'transforms',
      () => readWith({ transform_config: { config_groups: {} } }),
      /transform_config is an object; expected/,
    ],
    [
      'a quantized cache',
      () => readWith({ kv_cache_scheme: activations }),
      /kv_cache_scheme is an object; expected null/,
    ],
    ['an unknown member', () => readWith({ experts: 3 }), /experts is 3; "experts" is not among the known members/],
    [
      'a pattern to ignore',
      () => readWith({ ignore: ['re:.*lm_head'] }),
      /ignore is a list; "re:.*lm_head" is not the name/,
    ],
    ['a class to ignore', () => readWith({ ignore: ['Linear'] }), /"Linear" is not the name of a module/],
    [
      'no groups',
      () => readWith({ config_groups: {} }),
      /config_groups is an object; expected a group with the targets/,
    ],
    [
      'a preset',
      () => readWith({ config_groups: { W8A8: ['Linear'] } }),
      /config_groups.W8A8 is a list; expected an object/,
    ],
    ['other targets', () => readScheme({ targets: ['re:.*mlp.*'] }), /expected a group with the targets \["Linear"\]/],
    [
      'output activations',
      () => readScheme({ output_activations: activations }),
      /output_activations is an object; exp/,
    ],
    ['no weights', () => readScheme({ weights: null }), /group_0.weights is missing/],
    [
      'a format of its own',
      () => readScheme({ format: 'pack-quantized' }),
      /group_0.format is "pack-quantized"; expected the/,
    ],
    ['six bits', () => readWeights({ num_bits: 6 }), /weights.num_bits is 6; expected 8 or 4/],
    ['floats', () => readWeights({ type: 'float' }), /weights.type is "float"; expected int/],
    ['zero points', () => readWeights({ symmetric: false }), /weights.symmetric is false; expected true/],
    [
      'one scale a tensor',
      () => readWeights({ strategy: 'tensor' }),
      /strategy is "tensor"; expected channel or group/,
    ],
    ['blocks', () => readWeights({ block_structure: [128, 128] }), /block_structure is a list; expected null/],
    ['reordered columns', () => readWeights({ actorder: 'group' }), /actorder is "group"; expected static or weight/],
    [
      'a dtype of scales',
      () => readWeights({ scale_dtype: 'torch.uint8' }),
      /scale_dtype is "torch.uint8"; expected null/,
    ],
    [
      'an odd group',
      () => readWeights({ strategy: 'group', group_size: 48 }),
      /group_size is 48; known: 32, 64, 128, 256/,
    ],
    ['a group of nothing', () => readWeights({ strategy: 'group' }), /group_size is null; known: 32/],
    ['a channel with a group', () => readWeights({ group_size: 64 }), /group_size is 64; expected null with strategy/],
    [
      'static activations',
      () => readActivations({ dynamic: false }),
      /input_activations.dynamic is false; expected true/,
    ],
    ['activations by tensor', () => readActivations({ strategy: 'tensor' }), /strategy is "tensor"; expected token/],
    ['4-bit activations', () => readActivations({ num_bits: 4 }), /input_activations.num_bits is 4; expected 8/],
    [
      'packed W8A8',
      () => readWith({ format: 'pack-quantized' }),
      /format is "pack-quantized"; expected int-quantized, as/,
    ],
    [
      'plain W8A16',
      () => readScheme({ input_activations: null }),
      /"int-quantized"; expected pack-quantized, as .* not/,
    ],
  ])('refuses %s by name', (_, act, message) => {
    expect(act).toThrow(InputError);
    expect(act).toThrow(message);
  });

  it.each<[string, Json]>([
    ['of other bits', { ...scheme, targets: ['a.b'], weights: { ...weights, num_bits: 4 } }],
    ['with groups', { ...scheme, targets: ['a.b'], weights: { ...weights, strategy: 'group', group_size: 32 } }],
    ['with float activations', { ...scheme, targets: ['a.b'], input_activations: null }],
    ['of a class', { ...scheme, targets: ['Linear'] }],
  ])('refuses a second group %s', (_, second) => {
    expect(() => readWith({ config_groups: { group_0: scheme, group_1: second } })).toThrow(
      /group_1 is an object; besides Linear/,
    );
  });
});
