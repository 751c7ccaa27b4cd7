import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import type { TensorEntry } from './checkpoint.ts';
import { readQuantizedWeight } from './compressed-tensors-weight.ts';
import type { Dtype } from './dtypes.ts';
import { packCodes } from './packing.ts';

interface Content {
  dtype: Dtype;
  shape: number[];
  data: Int8Array | Uint8Array | Float32Array | BigInt64Array;
}

type Contents = Record<string, Content>;

function checkpointOf(contents: Contents): Parameters<typeof readQuantizedWeight>[0] {
  const bytesOf = (name: string) => {
    const { buffer, byteOffset, byteLength } = contents[name].data;
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
  const entries = Object.entries(contents).map(([name, { dtype, shape }]): [string, TensorEntry] => [
    name,
    { name, dtype, shape, bytes: bytesOf(name).byteLength, file: 'model.safetensors', offset: 0 },
  ]);
  return {
    tensors: new Map(entries),
    readBytes: ({ name }) => bytesOf(name).slice(),
    readFloats: ({ name }) => Float32Array.from(contents[name].data as Float32Array),
  };
}

const codes = Int8Array.from({ length: 2 * 64 }, (_, i) => (i % 16) - 8);
const scales = Float32Array.of(0.5, 1, 2, 4);

const plain = (): Contents => ({
  'm.weight': { dtype: 'I8', shape: [2, 64], data: codes.slice() },
  'm.weight_scale': { dtype: 'F32', shape: [2, 2], data: scales.slice() },
});
const packed = (): Contents => ({
  'm.weight_packed': { dtype: 'I32', shape: [2, 8], data: packCodes(codes, 2, 64, 4) },
  'm.weight_scale': { dtype: 'F32', shape: [2, 2], data: scales.slice() },
  'm.weight_shape': { dtype: 'I64', shape: [2], data: BigInt64Array.of(2n, 64n) },
});

const w4a8 = { mode: 'w4a8', groupSize: 32 } as const;
const w4a16 = { mode: 'w4a16', groupSize: 32 } as const;

describe('readQuantizedWeight', () => {
  const expected = { outFeatures: 2, inFeatures: 64, bits: 4, groupSize: 32, codes, scales };

  it('reads codes and scales, one an element or packed', () => {
    expect(readQuantizedWeight(checkpointOf(plain()), 'm', w4a8)).toEqual(expected);
    expect(readQuantizedWeight(checkpointOf(packed()), 'm', w4a16)).toEqual(expected);
  });

  it('reads all of int8', () => {
    const contents = plain();
    contents['m.weight'].data = Int8Array.from({ length: 128 }, (_, i) => 2 * i - 128);
    const weight = readQuantizedWeight(checkpointOf(contents), 'm', { mode: 'w8a8', groupSize: 32 });
    expect(weight.codes[0]).toBe(-128);
    expect(weight.bits).toBe(8);
  });

  it.each<[string, (contents: Contents) => void, RegExp]>([
    ['no codes', (c) => delete c['m.weight'], /"m.weight" is missing/],
    ['no scales', (c) => delete c['m.weight_scale'], /"m.weight_scale" is missing/],
    ['float codes', (c) => (c['m.weight'].dtype = 'F16'), /"m.weight" has the dtype F16, expected I8/],
    ['integer scales', (c) => (c['m.weight_scale'].dtype = 'I32'), /has the dtype I32, expected F32, F16, BF16/],
    ['a vector', (c) => (c['m.weight'].shape = [128]), /"m.weight" has the shape \[128\], expected a matrix/],
    ['scales of a row', (c) => (c['m.weight_scale'].shape = [2, 1]), /has the shape \[2, 1\], expected \[2, 2\]/],
    ['part of a group', (c) => (c['m.weight'].shape = [4, 40]), /has 40 columns, not a multiple of the group size 32/],
    ['a code of 5 bits', (c) => (c['m.weight'].data[65] = 8), /"m.weight" holds 8 at \[1, 1\], expected -8 to 7/],
    ['a NaN', (c) => (c['m.weight_scale'].data[3] = NaN), /"m.weight_scale" holds NaN at \[1, 1\], expected a finite/],
    ['an infinity', (c) => (c['m.weight_scale'].data[0] = Infinity), /holds Infinity at \[0, 0\]/],
    ['a zero', (c) => (c['m.weight_scale'].data[1] = 0), /holds 0 at \[0, 1\]/],
    ['a negative scale', (c) => (c['m.weight_scale'].data[2] = -1), /holds -1 at \[1, 0\]/],
  ])('refuses %s', (_, damage, message) => {
    const contents = plain();
    damage(contents);
    expect(() => readQuantizedWeight(checkpointOf(contents), 'm', w4a8)).toThrow(InputError);
    expect(() => readQuantizedWeight(checkpointOf(contents), 'm', w4a8)).toThrow(message);
  });

  it.each<[string, (contents: Contents) => void, RegExp]>([
    ['no shape', (c) => delete c['m.weight_shape'], /"m.weight_shape" is missing/],
    [
      'a shape of floats',
      (c) => (c['m.weight_shape'].dtype = 'F64'),
      /"m.weight_shape" has the dtype F64, expected I64/,
    ],
    ['a negative shape', (c) => (c['m.weight_shape'].data[0] = -2n), /"m.weight_shape" holds \[-2, 64\], which is no/],
    [
      'a wider shape',
      (c) => (c['m.weight_shape'].data[1] = 96n),
      /"m.weight_packed" has the shape \[2, 8\], expected \[2, 12\]/,
    ],
    [
      'a vast shape',
      (c) => (c['m.weight_shape'].data[0] = 2n ** 62n),
      /holds \[4611686018427387904, 64\], which is no/,
    ],
  ])('refuses %s beside packed codes', (_, damage, message) => {
    const contents = packed();
    damage(contents);
    expect(() => readQuantizedWeight(checkpointOf(contents), 'm', w4a16)).toThrow(message);
  });
});
