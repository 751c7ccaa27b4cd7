import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { groupsPerRow } from '../../schemes/scheme.ts';
import { quantizedTensors } from '../compressed-tensors.ts';
import { packCodes } from '../packing.ts';
import type { ReadCodes, StoredCodes, StoredTensor } from '../stored-model.ts';
import { checkpointOf, completed, readGoldens, type Golden } from './checkpoint.test.samples.ts';
import { readCompressedTensors } from './read-tensors.ts';

const goldens = readGoldens();
const named = (name: string): Golden => {
  const golden = goldens.find((each) => each.name === name);
  if (!golden) throw new Error(`no golden ${name}`);
  return golden;
};

const read = ({ config, contents }: Golden) => readCompressedTensors(checkpointOf(completed(config, contents)), config);

function layers(golden: Golden): StoredTensor[] {
  const { tensors } = read(golden);
  return Object.keys(golden.sha256).map((name) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`no tensor ${name}`);
    return tensor;
  });
}

const sha256 = (values: Float32Array): string =>
  createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex');

/** What codes stand for by the formula of their kind, each step in f32. */
function byFormula(read: ReadCodes, { groupSize }: StoredCodes, [rows, columns]: readonly number[]): Float32Array {
  const groups = groupsPerRow(columns, groupSize);
  return Float32Array.from({ length: rows * columns }, (_, index) => {
    const column = index % columns;
    const at = Math.floor(index / columns) * groups + (groupSize === 0 ? 0 : Math.floor(column / groupSize));
    const product = Math.fround(read.codes[index] * read.scales[at]);
    return read.kind === 'affine' ? product + read.biases[at] : product;
  });
}

describe('readCompressedTensors', () => {
  it('has a golden for each scheme', () => {
    expect(goldens.map(({ name }) => name)).toHaveLength(19);
  });

  it.each(goldens)('reads $name to the bits of compressed-tensors', (golden) => {
    for (const tensor of layers(golden)) {
      expect(sha256(tensor.readFloats())).toBe(golden.sha256[tensor.name]);
      expect(tensor.dtype).toBe(golden.dtype);
      const bytes = Object.entries(golden.contents)
        .filter(([name]) => name.startsWith(tensor.name))
        .reduce((total, [, { data }]) => total + data.byteLength, 0);
      expect(tensor.bytes).toBe(bytes);
    }
  });

  it.each(goldens.filter(({ name }) => name !== 'legacy-column-groups'))(
    'gives codes of $name that stand for the same values',
    (golden) => {
      for (const tensor of layers(golden)) {
        const { codes, shape } = tensor;
        if (!codes) throw new Error('no codes');
        const read = codes.read();
        const [rows, columns] = shape;
        expect(read.kind).toBe(codes.kind);
        expect(read.scales).toHaveLength(rows * groupsPerRow(columns, codes.groupSize));
        const biases = read.kind === 'affine' ? { biases: read.biases } : {};
        if (codes.readScales) expect(codes.readScales()).toEqual({ scales: read.scales, ...biases });
        const values = tensor.readFloats();
        const formula = byFormula(read, codes, shape);
        if (codes.exact) expect(formula).toEqual(values);
        // Half a step of the dtype with the fewest bits, and the roundings of a product and a sum of f32.
        const largest = Math.max(...values.map(Math.abs));
        const wrong = formula.findIndex((value, i) => {
          return !(Math.abs(value - values[i]) <= Math.abs(values[i]) * 2 ** -8 + largest * 2 ** -22);
        });
        expect(wrong).toBe(-1);
        expect(codes.exact).toBe(codes.kind === 'symmetric' && golden.dtype === 'F32');
      }
    },
  );

  it.each([
    ['w8a8', 'bytes', 'symmetric', 8],
    ['w4a8-g32', 'bytes', 'symmetric', 4],
    ['w7a8', 'bytes', 'symmetric', 8],
    ['w8a16', 'words', 'symmetric', 8],
    ['w4a16-g32', 'words', 'symmetric', 4],
    ['w4a16-g32-asymmetric', 'words', 'affine', 4],
    ['w8a8-asymmetric', undefined, 'affine', 8],
    ['w8a16-naive', undefined, 'affine', 8],
    ['w5a16-w6a16', undefined, 'affine', 5],
  ])('leaves the codes of %s in their file where a backend can use them there', (name, storage, kind, bits) => {
    const [{ codes }] = layers(named(name));
    expect(codes).toMatchObject({ kind, bits });
    expect(codes?.inFile?.storage).toBe(storage);
    expect(codes?.readScales === undefined).toBe(storage === undefined);
    if (!codes?.inFile) return;
    expect(codes.inFile).toMatchObject({ path: '/model/model.safetensors', offset: 0 });
    codes.inFile.checkUnchanged();
    const read = codes.read().codes;
    const offset = storage === 'words' && kind === 'symmetric' ? 2 ** (bits - 1) : 0;
    expect([...codes.inFile.read()]).toEqual(Array.from(read, (code) => code + offset));
  });

  it.each([
    ['w8a8', 'w8a8, per channel', 'w8a8', []],
    ['w4a8-g32', 'w4a8, groups of 32', 'w4a8-g32', []],
    ['w4a16-g32-asymmetric', 'w4a16, groups of 32, asymmetric', 'w4a16-g32-asym', []],
    [
      'w8a8-asymmetric',
      'w8a16, per channel, asymmetric',
      'w8a16-asym',
      ['inputs of 2 layers are evaluated as floats, not as int8 per token, as their weights are asymmetric'],
    ],
    [
      'w8a8-tensor-static',
      'w8a16, per tensor',
      'w8a16-tensor',
      ['inputs of 2 layers are evaluated as floats, not as static int8 per tensor, asymmetric'],
    ],
    ['mixed', 'w4a16, groups of 32, 1 layer w8a8 per channel', 'w4a16-g32+w8a8', []],
    ['w2a16-w3a16', 'w2a16, groups of 32, 1 layer w3a16 groups of 32, asymmetric', 'w2a16-g32+w3a16', []],
    ['legacy-column-groups', 'w4a16, groups of 32, asymmetric, columns in another order', 'w4a16-g32-asym', []],
  ])('describes %s', (name, scheme, rowName, warnings) => {
    const found = read(named(name));
    expect([found.scheme, found.rowName, found.warnings]).toEqual([scheme, rowName, warnings]);
  });

  it('gives no groups of consecutive columns where columns have other groups', () => {
    expect(layers(named('legacy-column-groups')).map(({ codes }) => codes)).toEqual([undefined, undefined]);
  });
});

describe('what cider writes', () => {
  it.each([
    ['w8a8-f32', 'w8a8', 0],
    ['w4a8-g32', 'w4a8', 32],
    ['w8a16', 'w8a16', 0],
    ['w4a16-g32', 'w4a16', 32],
  ] as const)('has the names, shapes and bytes that compressed-tensors stores for %s', (name, mode, groupSize) => {
    const golden = named(name);
    for (const { name: weight, codes, shape } of layers(golden)) {
      const module = weight.slice(0, -'.weight'.length);
      const stored = quantizedTensors(module, shape, mode, groupSize);
      const theirs = Object.entries(golden.contents).filter(([each]) => each.startsWith(`${module}.`));
      expect(stored.map((each) => each.name).sort()).toEqual(theirs.map(([each]) => each).sort());
      const read = codes?.read();
      if (read?.kind !== 'symmetric') throw new Error('no symmetric codes');
      for (const { name: each, dtype, shape: expected } of stored) {
        const found = golden.contents[each];
        // Scales alone may differ in their dtype: cider writes F32.
        expect([dtype, expected]).toEqual([dtype === 'F32' ? dtype : found.dtype, found.shape]);
      }
      const bits = mode.startsWith('w4') ? 4 : 8;
      const isPacked = mode.endsWith('a16');
      const ours = isPacked ? packCodes(read.codes, shape[0], shape[1], bits) : new Uint8Array(read.codes.buffer);
      expect(ours).toEqual(golden.contents[`${module}.weight${isPacked ? '_packed' : ''}`].data);
      if (isPacked) {
        const words = BigInt64Array.from(shape, BigInt);
        expect(new Uint8Array(words.buffer)).toEqual(golden.contents[`${module}.weight_shape`].data);
      }
      if (golden.dtype === 'F32') {
        expect(new Uint8Array(read.scales.buffer)).toEqual(golden.contents[`${module}.weight_scale`].data);
      }
    }
  });
});
