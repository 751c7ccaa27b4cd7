import { describe, expect, it } from 'vitest';
import { InputError } from '../../errors.ts';
import { isJsonObject, parseJson } from '../strict-json.ts';
import type { LayerScheme, WeightScheme } from './layer-scheme.ts';
import { QuantizationConfig } from './quantization-config.ts';

type Json = Record<string, unknown>;

function read(config: Json): QuantizationConfig {
  const limits = { maxBytes: 1_000_000, maxDepth: 16, maxKeyBytes: 100, maxValues: 10_000, numbers: 'any' } as const;
  const document = parseJson(Buffer.from(JSON.stringify(config)), 'config.json', limits);
  if (!isJsonObject(document)) throw new TypeError('not an object');
  return new QuantizationConfig(document);
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
const group: Json = { targets: ['Linear'], weights, input_activations: activations, output_activations: null };
const config: Json = {
  quant_method: 'compressed-tensors',
  format: 'int-quantized',
  quantization_status: 'compressed',
  ignore: ['lm_head'],
  config_groups: { group_0: group },
};

const readWith = (change: Json) => read({ quantization_config: { ...config, ...change } });
const readGroup = (change: Json) => readWith({ config_groups: { group_0: { ...group, ...change } } });
const readWeights = (change: Json) => readGroup({ weights: { ...weights, ...change } });
const readInputs = (change: Json) => readGroup({ input_activations: { ...activations, ...change } });

const linear = (path: string) => ({ path, classes: ['Linear', 'Module'] });
const upProj = linear('model.layers.1.mlp.up_proj');

const eightBits: WeightScheme = {
  bits: 8,
  isSymmetric: true,
  strategy: 'channel',
  groupSize: 0,
  isPacked: false,
  hasColumnGroups: false,
};
const w8a8: LayerScheme = { weights: eightBits, inputs: { kind: 'int8' } };
const withWeights = (change: Partial<WeightScheme>): LayerScheme => ({ ...w8a8, weights: { ...eightBits, ...change } });

describe('QuantizationConfig', () => {
  it.each<[string, QuantizationConfig, LayerScheme]>([
    ['W8A8', readWith({}), w8a8],
    [
      'what older releases wrote',
      readWith({ quantization_status: 'frozen', sparsity_config: { format: 'dense' } }),
      w8a8,
    ],
    [
      'members without effect',
      readWith({ version: '0.9.2', global_compression_ratio: 1.5, transform_config: {}, kv_cache_scheme: null }),
      w8a8,
    ],
    ['observers', readWeights({ observer: 'minmax', observer_kwargs: {}, zp_dtype: null, actorder: null }), w8a8],
    ['a dtype of scales', readWeights({ scale_dtype: 'torch.bfloat16' }), w8a8],
    ['-1 for a row', readWeights({ group_size: -1 }), w8a8],
    ['-1 without a strategy', readWeights({ group_size: -1, strategy: null }), w8a8],
    ['a format of the group', readGroup({ format: 'int-quantized' }), w8a8],
    ['static activation order', readWeights({ actorder: 'static' }), w8a8],
    ['the same by its other name', readWeights({ actorder: 'weight' }), w8a8],
    ['naive integers', readWith({ format: 'naive-quantized' }), w8a8],
    ['packed codes', readWith({ format: 'pack-quantized' }), withWeights({ isPacked: true })],
    ['one scale', readWeights({ strategy: 'tensor' }), withWeights({ strategy: 'tensor' })],
    ['one scale by default', readWeights({ strategy: null }), withWeights({ strategy: 'tensor' })],
    ['zero points', readWeights({ symmetric: false, zp_dtype: 'torch.int8' }), withWeights({ isSymmetric: false })],
    [
      'groups',
      readWeights({ num_bits: 3, strategy: 'group', group_size: 48 }),
      withWeights({ bits: 3, strategy: 'group', groupSize: 48 }),
    ],
    [
      'columns in another order',
      readWeights({ strategy: 'group', group_size: 32, actorder: 'group' }),
      withWeights({ strategy: 'group', groupSize: 32, hasColumnGroups: true }),
    ],
    ['float inputs', readGroup({ input_activations: null }), { ...w8a8, inputs: { kind: 'float' } }],
    [
      'static inputs',
      readInputs({ strategy: 'tensor', dynamic: false }),
      { ...w8a8, inputs: { kind: 'other', what: 'static int8 per tensor' } },
    ],
    [
      'asymmetric inputs',
      readInputs({ symmetric: false }),
      { ...w8a8, inputs: { kind: 'other', what: 'dynamic int8 per token, asymmetric' } },
    ],
    [
      'inputs of 4 bits',
      readInputs({ num_bits: 4 }),
      { ...w8a8, inputs: { kind: 'other', what: 'dynamic int4 per token' } },
    ],
    [
      'float8 inputs',
      readInputs({ type: 'float' }),
      { ...w8a8, inputs: { kind: 'other', what: 'dynamic float8 per token' } },
    ],
    ['quantized inputs alone', readGroup({ weights: null }), { weights: undefined, inputs: { kind: 'int8' } }],
  ])('reads %s', (_, quantization, expected) => {
    expect(quantization.schemeOf(upProj)).toEqual(expected);
    expect(quantization.schemeOf(linear('lm_head'))).toBeUndefined();
  });

  const four = { ...weights, num_bits: 4 };
  const groups = (...each: { targets: string[]; weights: Json }[]) =>
    readWith({ config_groups: Object.fromEntries(each.map((one, i) => [`group_${i}`, { ...group, ...one }])) });

  it('takes a path before a pattern before a class, in whatever order they stand', () => {
    const byClass = { targets: ['Linear'], weights: { ...weights, num_bits: 2 } };
    const byPattern = { targets: ['re:.*up_proj$'], weights: { ...weights, num_bits: 3 } };
    const byPath = { targets: [upProj.path], weights: four };
    for (const order of [
      [byClass, byPattern, byPath],
      [byPath, byPattern, byClass],
      [byPattern, byPath, byClass],
    ]) {
      const quantization = groups(...order);
      expect(quantization.schemeOf(upProj)?.weights?.bits).toBe(4);
      expect(quantization.schemeOf(linear('model.layers.0.mlp.up_proj'))?.weights?.bits).toBe(3);
      expect(quantization.schemeOf(linear('model.layers.0.mlp.gate_proj'))?.weights?.bits).toBe(2);
      expect(quantization.schemeOf({ path: 'model.embed_tokens', classes: ['Embedding'] })).toBeUndefined();
    }
  });

  it('does not choose between two patterns, but takes them where they say the same', () => {
    const [a, b] = [['re:.*up.*'], ['re:.*proj']];
    expect(() => groups({ targets: a, weights }, { targets: b, weights: four }).schemeOf(upProj)).toThrow(
      /config_groups is an object; group_0 and group_1 both claim model.layers.1.mlp.up_proj, and differ/,
    );
    expect(groups({ targets: a, weights }, { targets: b, weights }).schemeOf(upProj)).toEqual(w8a8);
    expect(() =>
      groups({ targets: ['Linear'], weights }, { targets: ['Linear'], weights: four }).schemeOf(upProj),
    ).toThrow(/group_0 and group_1 both claim/);
  });

  it('ignores by path, by pattern and by class', () => {
    for (const name of [upProj.path, 're:.*layers\\.1\\.', 'Linear']) {
      expect(readWith({ ignore: [name] }).schemeOf(upProj)).toBeUndefined();
    }
    expect(readWith({ ignore: null }).schemeOf(linear('lm_head'))).toEqual(w8a8);
    expect(readWith({ ignore: ['up_proj', 're:up_proj', 'Conv1d'] }).schemeOf(upProj)).toEqual(w8a8);
  });

  it('takes the format of each group from the group where they differ', () => {
    const mixed = (change: Json) =>
      readWith({ format: 'mixed-precision', config_groups: { group_0: { ...group, ...change } } });
    expect(mixed({ format: 'pack-quantized' }).schemeOf(upProj)).toEqual(withWeights({ isPacked: true }));
    expect(() => mixed({})).toThrow(/group_0.format is missing; expected int-quantized or naive-quantized or pack-/);
    expect(() => mixed({ format: 'float-quantized' })).toThrow(/group_0.format is "float-quantized"; expected int-/);
  });

  it('stops where patterns would take for ever', () => {
    const costly = { targets: [`re:${'(?=(?:.*.*)*.*)'.repeat(250)}x`], weights };
    const quantization = groups(costly);
    expect(() => {
      for (let layer = 0; layer < 2000; layer++) quantization.schemeOf(linear(`model.layers.${layer}.mlp.up_proj`));
    }).toThrow(/takes too long/);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['a float model', () => read({ model_type: 'llama' }), /quantization_config is missing; expected an object/],
    ['GPTQ', () => readWith({ quant_method: 'gptq' }), /quant_method is "gptq"; known: compressed-tensors/],
    ['no method', () => readWith({ quant_method: undefined }), /quant_method is missing; known: compressed-tensors/],
    ['an older member', () => read({ compression_config: config }), /compression_config is an object; known/],
    [
      '2:4 sparsity',
      () => readWith({ format: 'marlin-24' }),
      /format is "marlin-24"; expected int-quantized or naive-/,
    ],
    ['floats', () => readWith({ format: 'float-quantized' }), /format is "float-quantized"; expected int-quantized or/],
    ['nvfp4', () => readWith({ format: 'nvfp4-pack-quantized' }), /format is "nvfp4-pack-quantized"; expected int-/],
    ['no format', () => readWith({ format: undefined }), /format is missing/],
    ['another status', () => readWith({ quantization_status: 'initialized' }), /status is "initialized"; expected/],
    [
      'a bitmask',
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
    ['ignored numbers', () => readWith({ ignore: [3] }), /ignore is a list; expected a list of strings/],
    [
      'a pattern that is not read',
      () => readWith({ ignore: ['re:(?i)head'] }),
      /ignore is a list; the pattern "re:\(\?i\)head" is not supported: "\(\?i" is not read/,
    ],
    [
      'such a target',
      () => readGroup({ targets: ['re:(a)\\1'] }),
      /group_0.targets is a list; the pattern "re:\(a\)\\\\1" is not supported/,
    ],
    ['no groups', () => readWith({ config_groups: {} }), /config_groups is an object; expected at least one group/],
    [
      'a preset',
      () => readWith({ config_groups: { W8A8: ['Linear'] } }),
      /config_groups.W8A8 is a list; expected an obj/,
    ],
    ['no targets', () => readGroup({ targets: null }), /group_0.targets is missing/],
    [
      'output activations',
      () => readGroup({ output_activations: activations }),
      /output_activations is an object; exp/,
    ],
    [
      'another format of a group',
      () => readGroup({ format: 'pack-quantized' }),
      /the format of the whole file is int-/,
    ],
    ['an unknown member of a group', () => readGroup({ experts: 1 }), /group_0.experts is 1; "experts" is not among/],
    ['no bits', () => readWeights({ num_bits: null }), /weights.num_bits is missing/],
    ['one bit', () => readWeights({ num_bits: 1 }), /weights.num_bits is 1; expected 2 or 3 or 4/],
    ['16 bits', () => readWeights({ num_bits: 16 }), /weights.num_bits is 16; expected/],
    ['float weights', () => readWeights({ type: 'float' }), /weights.type is "float"; expected int/],
    ['dynamic weights', () => readWeights({ dynamic: true }), /weights.dynamic is true; expected false/],
    ['blocks', () => readWeights({ strategy: 'block' }), /strategy is "block"; expected tensor or channel or group/],
    [
      'a block structure',
      () => readWeights({ block_structure: [128, 128] }),
      /block_structure is a list; expected null/,
    ],
    ['scales of 8 bits', () => readWeights({ scale_dtype: 'torch.uint8' }), /scale_dtype is "torch.uint8"; expected/],
    ['a group of nothing', () => readWeights({ strategy: 'group' }), /group_size is null; expected a positive/],
    ['groups of 0', () => readWeights({ group_size: 0 }), /group_size is 0; expected a positive number, or -1/],
    ['a channel with a group', () => readWeights({ group_size: 64 }), /group_size is 64; expected null with strategy/],
    ['reordered channels', () => readWeights({ actorder: 'group' }), /actorder is "group"; expected strategy group/],
    ['another order', () => readWeights({ actorder: true }), /actorder is true; expected static or weight or group/],
    ['an unknown argument', () => readWeights({ rotation: 1 }), /weights.rotation is 1; "rotation" is not among/],
    ['inputs without bits', () => readInputs({ num_bits: null }), /input_activations.num_bits is missing/],
    ['unknown inputs', () => readInputs({ smooth: true }), /input_activations.smooth is true; "smooth" is not among/],
  ])('refuses %s by name', (_, act, message) => {
    expect(act).toThrow(InputError);
    expect(act).toThrow(message);
  });
});
