import { describe, expect, it } from 'vitest';
import { InputError } from '../../errors.ts';
import { packCodes } from '../packing.ts';
import { checkpointOf, completed, configOf, type Content, type Contents } from './checkpoint.test.samples.ts';
import { readCompressedTensors } from './read-tensors.ts';

const UP = 'model.layers.0.mlp.up_proj';
const codes = Int8Array.from({ length: 2 * 64 }, (_, i) => (i % 16) - 8);

const plain = (): Contents => ({
  [`${UP}.weight`]: { dtype: 'I8', shape: [2, 64], data: codes.slice() },
  [`${UP}.weight_scale`]: { dtype: 'F32', shape: [2, 2], data: Float32Array.of(0.5, 1, 2, 4) },
});
const packed = (): Contents => ({
  [`${UP}.weight_packed`]: { dtype: 'I32', shape: [2, 8], data: packCodes(codes, 2, 64, 4) },
  [`${UP}.weight_scale`]: { dtype: 'F32', shape: [2, 2], data: Float32Array.of(0.5, 1, 2, 4) },
  [`${UP}.weight_shape`]: { dtype: 'I64', shape: [2], data: BigInt64Array.of(2n, 64n) },
});

function quantization(format: string, weights: object = {}, group: object = {}): object {
  const all = { num_bits: 4, type: 'int', symmetric: true, strategy: 'group', group_size: 32, ...weights };
  const groups = { group_0: { targets: [UP], weights: all, ...group } };
  return { quant_method: 'compressed-tensors', format, quantization_status: 'compressed', config_groups: groups };
}

function readWith(contents: Contents, config = configOf(2, 64, quantization('int-quantized'))) {
  return readCompressedTensors(checkpointOf(completed(config, contents)), config);
}

function readLayer(...given: Parameters<typeof readWith>) {
  const tensor = readWith(...given).tensors.get(`${UP}.weight`);
  if (!tensor) throw new Error('no such tensor');
  return { tensor, values: tensor.readFloats() };
}

const part = (contents: Contents, name: string): { shape: readonly number[]; dtype: string } & Content =>
  contents[`${UP}.${name}`];
const dataOf = (contents: Contents, name: string) => part(contents, name).data as Int8Array | Float32Array;

const remove = (contents: Contents, name: string) => Reflect.deleteProperty(contents, `${UP}.${name}`);

describe('readCompressedTensors', () => {
  it('gives every tensor of the model in its order, the others as floats', () => {
    const { tensors, warnings } = readWith(plain());
    expect([...tensors.keys()].slice(0, 2)).toEqual([
      'model.embed_tokens.weight',
      'model.layers.0.input_layernorm.weight',
    ]);
    expect(tensors.get(`${UP}.weight`)).toMatchObject({
      shape: [2, 64],
      stored: 'int4 g32',
      file: 'model.safetensors',
      bytes: 128 + 16,
      dtype: 'F32',
    });
    const embedding = tensors.get('model.embed_tokens.weight');
    expect(embedding).toMatchObject({ stored: 'F32', dtype: 'F32', codes: undefined, shape: [6, 64] });
    expect(embedding?.readFloats()).toEqual(new Float32Array(6 * 64));
    expect(warnings).toEqual([]);
  });

  it('reads packed codes and plain ones alike', () => {
    const { values } = readLayer(plain());
    expect(values[65]).toBe(-14);
    expect(readLayer(packed(), configOf(2, 64, quantization('pack-quantized'))).values).toEqual(values);
  });

  it('reads a quantized embedding, whose inputs stay what they are', () => {
    const embedding = 'model.embed_tokens';
    const inputs = { num_bits: 8, strategy: 'token', dynamic: true };
    const channel = { strategy: 'channel', group_size: null, num_bits: 8 };
    const config = configOf(
      2,
      64,
      quantization('int-quantized', channel, { targets: ['Embedding'], input_activations: inputs }),
    );
    const contents: Contents = {
      [`${embedding}.weight`]: { dtype: 'I8', shape: [6, 64], data: new Int8Array(6 * 64).fill(-128) },
      [`${embedding}.weight_scale`]: { dtype: 'F32', shape: [6, 1], data: new Float32Array(6).fill(2) },
    };
    const { tensors, scheme } = readWith(contents, config);
    expect(scheme).toBe('w8a16, per channel');
    expect(tensors.get(`${embedding}.weight`)?.readFloats()[5]).toBe(-256);
    expect(tensors.get(`${embedding}.weight`)?.codes?.quantizesActivations).toBe(false);
  });

  it('takes zero points of releases that did not pack them, and columns without groups as they stand', () => {
    const config = (weights: object) => configOf(2, 64, quantization('pack-quantized', weights));
    const zeros: Content = { dtype: 'I8', shape: [2, 2], data: Int8Array.of(-8, 7, 1, 0) };
    const { values } = readLayer({ ...packed(), [`${UP}.weight_zero_point`]: zeros }, config({ symmetric: false }));
    expect([values[0], values[32], values[64], values[96]]).toEqual([0, -15, -18, -32]);

    const unassigned: Content = { dtype: 'I32', shape: [64], data: new Int32Array(64).fill(-1) };
    const ordered = config({ actorder: 'group' });
    expect(readLayer({ ...packed(), [`${UP}.weight_g_idx`]: unassigned }, ordered).values).toEqual(
      readLayer(plain()).values,
    );
  });

  it('takes zero points of 0 beside symmetric codes, and says what it has no use for', () => {
    const contents = plain();
    contents[`${UP}.weight_zero_point`] = { dtype: 'I8', shape: [2, 2], data: new Int8Array(4) };
    contents[`${UP}.extra`] = { dtype: 'I8', shape: [1], data: new Int8Array(1) };
    expect(readWith(contents).warnings).toEqual([`tensors without a use in a llama model: "${UP}.extra"`]);
    expect(readLayer(contents).values).toEqual(readLayer(plain()).values);
  });

  it('warns of inputs that stay float', () => {
    const inputs = { num_bits: 8, strategy: 'tensor', dynamic: false };
    const config = configOf(2, 64, quantization('int-quantized', {}, { input_activations: inputs }));
    const contents = plain();
    contents[`${UP}.input_scale`] = { dtype: 'F32', shape: [1], data: Float32Array.of(1) };
    expect(readWith(contents, config).warnings).toEqual([
      'inputs of 1 layer are evaluated as floats, not as static int8 per tensor',
    ]);
  });

  it.each<[string, (contents: Contents) => void, RegExp]>([
    [
      'no codes',
      (c) => {
        remove(c, 'weight');
      },
      /up_proj.weight" is missing .*\(int4, groups of 32\)/,
    ],
    [
      'no scales',
      (c) => {
        remove(c, 'weight_scale');
      },
      /weight_scale" is missing/,
    ],
    ['float codes', (c) => (part(c, 'weight').dtype = 'F16'), /weight" has the dtype F16, expected I8/],
    ['integer scales', (c) => (part(c, 'weight_scale').dtype = 'I32'), /the dtype I32, expected F32, F16, BF16/],
    ['a vector', (c) => (part(c, 'weight').shape = [128]), /has the shape \[128\], expected \[2, 64\]/],
    ['scales of a row', (c) => (part(c, 'weight_scale').shape = [2, 1]), /the shape \[2, 1\], expected \[2, 2\]/],
    ['a code of 5 bits', (c) => (dataOf(c, 'weight')[65] = 8), /holds 8 at \[1, 1\], expected -8 to 7/],
    ['a NaN', (c) => (dataOf(c, 'weight_scale')[3] = NaN), /weight_scale" holds NaN at \[1, 1\], expected a finite/],
    ['an infinity', (c) => (dataOf(c, 'weight_scale')[0] = Infinity), /holds Infinity at \[0, 0\]/],
    ['a zero', (c) => (dataOf(c, 'weight_scale')[1] = 0), /holds 0 at \[0, 1\]/],
    ['a negative scale', (c) => (dataOf(c, 'weight_scale')[2] = -1), /holds -1 at \[1, 0\]/],
    [
      'zero points beside symmetric codes',
      (c) => (c[`${UP}.weight_zero_point`] = { dtype: 'I8', shape: [2, 2], data: Int8Array.of(0, 0, 0, 1) }),
      /weight_zero_point" holds 1 at \[1, 1\], expected 0 in a symmetric scheme/,
    ],
    [
      'groups of columns that config.json does not know',
      (c) => (c[`${UP}.weight_g_idx`] = { dtype: 'I32', shape: [64], data: new Int32Array(64) }),
      /weight_g_idx" has a use with actorder group only/,
    ],
    [
      'codes in both forms',
      (c) => (c[`${UP}.weight_packed`] = part(packed(), 'weight_packed')),
      /weight_packed" stands beside "model.layers.0.mlp.up_proj.weight"/,
    ],
    [
      'a codes tensor where floats should be',
      (c) => {
        const gate = UP.replace('up', 'gate');
        c[`${gate}.weight`] = part(plain(), 'weight');
        c[`${gate}.weight_scale`] = part(plain(), 'weight_scale');
      },
      /gate_proj.weight" has the dtype I8, expected F32, F16, BF16/,
    ],
  ])('refuses %s', (_, damage, message) => {
    const contents = plain();
    damage(contents);
    expect(() => readLayer(contents)).toThrow(InputError);
    expect(() => readLayer(contents)).toThrow(message);
  });

  const asymmetric = { symmetric: false };
  const ordered = { actorder: 'group' };
  it.each<[string, object, (contents: Contents) => void, RegExp]>([
    [
      'no shape',
      {},
      (c) => {
        remove(c, 'weight_shape');
      },
      /weight_shape" is missing .*\(packed int4, groups of 32\)/,
    ],
    ['a shape of floats', {}, (c) => (part(c, 'weight_shape').dtype = 'F64'), /has the dtype F64, expected I64/],
    [
      'another shape',
      {},
      (c) => (part(c, 'weight_shape').data = BigInt64Array.of(-2n, 63n)),
      /weight_shape" holds \[-2, 63\], expected \[2, 64\]/,
    ],
    ['other bits', { num_bits: 8 }, () => undefined, /weight_packed" has the shape \[2, 8\], expected \[2, 16\]/],
    ['part of a group', { group_size: 48 }, () => undefined, /stands for 64 columns, not a multiple of .* size 48/],
    ['no zero points', asymmetric, () => undefined, /weight_zero_point" is missing .*, asymmetric\)/],
    [
      'zero points of another width',
      asymmetric,
      (c) => (c[`${UP}.weight_zero_point`] = { dtype: 'I32', shape: [2, 2], data: new Int32Array(4) }),
      /weight_zero_point" has the shape \[2, 2\], expected \[1, 2\]/,
    ],
    [
      'a zero point beyond the codes',
      asymmetric,
      (c) => (c[`${UP}.weight_zero_point`] = { dtype: 'I8', shape: [2, 2], data: Int8Array.of(0, 8, 0, 0) }),
      /weight_zero_point" holds 8 at \[0, 1\], expected -8 to 7/,
    ],
    ['no groups of columns', ordered, () => undefined, /weight_g_idx" is missing/],
    [
      'groups of other sizes',
      ordered,
      (c) => {
        const data = Int32Array.from({ length: 64 }, (_, k) => (k < 33 ? 0 : 1));
        c[`${UP}.weight_g_idx`] = { dtype: 'I32', shape: [64], data };
      },
      /weight_g_idx" holds 0 at \[32\], expected 2 groups of 32 columns each/,
    ],
    [
      'a group that is none',
      ordered,
      (c) => (c[`${UP}.weight_g_idx`] = { dtype: 'I32', shape: [64], data: new Int32Array(64).fill(2) }),
      /weight_g_idx" holds 2 at \[0\], expected 2 groups/,
    ],
  ])('refuses %s beside packed codes', (_, weights, damage, message) => {
    const contents = packed();
    damage(contents);
    expect(() => readLayer(contents, configOf(2, 64, quantization('pack-quantized', weights)))).toThrow(message);
  });

  it('refuses words that may be of either layout', () => {
    const contents = packed();
    contents[`${UP}.weight_packed`] = { dtype: 'I32', shape: [2, 10], data: new Int32Array(20) };
    const config = configOf(
      2,
      100,
      quantization('pack-quantized', { num_bits: 3, strategy: 'channel', group_size: null }),
    );
    expect(() => readLayer(contents, config)).toThrow(
      /10 words for rows of 100 codes of 3 bits, as both known layouts/,
    );
  });

  it('refuses a configuration that quantizes nothing', () => {
    const config = configOf(2, 64, quantization('int-quantized', {}, { targets: ['re:model\\.vision.*'] }));
    expect(() => readWith({}, config)).toThrow(/no layer of the model is among the targets of quantization_config/);
  });
});
