import { describe, expect, it } from 'vitest';
import type { AffineWeight, Backend, Weight, WeightSource } from '../../kernels/backend.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import type { ReadCodes, StoredCodes, StoredTensor } from '../../quant/checkpoint/stored-model.ts';
import { InputError } from '../../quant/errors.ts';
import { parseConfiguration } from './configurations.ts';
import { WeightLoader } from './weight-loader.ts';

const [rows, columns] = [2, 3];
const signed = Int8Array.of(-8, 7, 0, 1, 2, 3);
const unsigned = Uint8Array.of(0, 15, 8, 9, 10, 11);
const scales = Float32Array.of(1, 0.5);
const biases = Float32Array.of(-3, 2);

/** 4-bit codes of W4A8, one scale a row, that are in no file. */
const plain: StoredCodes = {
  kind: 'symmetric',
  bits: 4,
  groupSize: 0,
  quantizesActivations: true,
  exact: true,
  read: (): ReadCodes => ({ kind: 'symmetric', codes: signed, scales }),
};

const affine: StoredCodes = {
  ...plain,
  kind: 'affine',
  read: () => ({ kind: 'affine', codes: unsigned, scales, biases }),
};

/** Says where codes stand, and that nobody needs to read them. */
const inFile = (storage: 'bytes' | 'words'): Pick<StoredCodes, 'inFile' | 'readScales'> => ({
  inFile: { path: 'x', offset: 8, bytes: 6, storage, checkUnchanged: () => undefined, read: () => expect.fail('read') },
  readScales: () => ({ scales }),
});

const tensorOf = (codes: StoredCodes): StoredTensor => ({
  name: 'q.weight',
  shape: [rows, columns],
  stored: 'int4',
  file: 'x',
  bytes: 11,
  dtype: 'F32',
  codes,
  readFloats: () => Float32Array.from(signed),
});

const backendWith = (loadWeight: Backend['loadWeight']): Backend => ({ ...openReferenceBackend(), loadWeight });

/** Loads a layer with these codes on a backend that looks at them with `loadWeight`. */
function load(codes: StoredCodes, loadWeight: Backend['loadWeight']): WeightLoader {
  const model = { tensors: new Map([['q.weight', tensorOf(codes)]]) };
  const configuration = parseConfiguration('fp16');
  const loader = new WeightLoader(model, backendWith(loadWeight), { configuration, gainOffset: 0 });
  loader.linear('q', false);
  return loader;
}

function sourceOf(codes: StoredCodes): WeightSource {
  let found: WeightSource | undefined;
  load(codes, (source): Weight => {
    found = source;
    return { outFeatures: rows, inFeatures: columns, bytes: 0 };
  });
  return found ?? expect.fail('nothing was loaded');
}

describe('WeightLoader', () => {
  it('leaves integers in their file', () => {
    const source = sourceOf({ ...plain, ...inFile('bytes') });
    if (source.kind !== 'integer' || ArrayBuffer.isView(source.codes)) return expect.fail('the codes were read');
    expect(source.codes).toMatchObject({ path: 'x', offset: 8, bytes: 6, storage: 'bytes' });
    expect(source.codes.read()).toEqual(signed);
    expect(source.scales).toBe(scales);
  });

  it('leaves packed codes of float activations in their file, as unsigned ones', () => {
    const source = sourceOf({ ...plain, quantizesActivations: false, ...inFile('words') });
    if (source.kind !== 'affine' || ArrayBuffer.isView(source.codes)) return expect.fail('the codes were read');
    expect(source.codes).toMatchObject({ path: 'x', storage: 'words' });
    expect(source.codes.read()).toEqual(unsigned);
    expect(source.biases).toEqual(Float32Array.of(-8, -4));
  });

  it('reads codes whose layout in the file is none of the arithmetic that they need', () => {
    expect(sourceOf({ ...plain, ...inFile('words') })).toMatchObject({ kind: 'integer', codes: signed });
    const bytes = { ...plain, quantizesActivations: false, ...inFile('bytes') };
    expect(sourceOf(bytes)).toMatchObject({ kind: 'affine', codes: unsigned });
    expect(sourceOf({ ...affine, bits: 3, ...inFile('bytes') })).toMatchObject({
      kind: 'affine',
      bits: 4,
      codes: unsigned,
    });
  });

  it.each([
    [2, 4],
    [3, 4],
    [5, 8],
    [6, 8],
  ] as const)('holds codes of %i bits in %i, with the same values', (bits, container) => {
    const half = 2 ** (bits - 1);
    const codes = Int8Array.of(-half, half - 1, 0, 1, -1, -2);
    const source = sourceOf({ ...plain, bits, read: () => ({ kind: 'symmetric', codes, scales }) });
    expect(source).toMatchObject({ kind: 'affine', bits: container });
    const { codes: found, scales: s, biases: b } = source as AffineWeight & { codes: Uint8Array };
    found.forEach((code, i) => {
      const row = Math.floor(i / columns);
      expect(s[row] * code + b[row]).toBe(scales[row] * codes[i]);
    });
  });

  it('multiplies codes with zero points with float activations, whatever was meant', () => {
    expect(sourceOf(affine)).toMatchObject({ kind: 'affine', codes: unsigned, scales, biases });
  });

  it('counts what the file holds', () => {
    const weight = { outFeatures: rows, inFeatures: columns, bytes: 1000 };
    expect(load(affine, () => weight).bytes).toBe(11);
  });

  it('looks embeddings up as floats', () => {
    let source: WeightSource | undefined;
    const backend = backendWith((given) => {
      source = given;
      return { outFeatures: rows, inFeatures: columns, bytes: 0 };
    });
    const model = { tensors: new Map([['q.weight', tensorOf(affine)]]) };
    new WeightLoader(model, backend, { configuration: parseConfiguration('fp16'), gainOffset: 0 }).dense('q.weight');
    expect(source).toMatchObject({ kind: 'dense', dtype: 'F32', data: Float32Array.from(signed) });
  });

  it('says what is wrong with codes that a backend refuses, or else what the backend said', () => {
    const refuse = (): never => {
      throw new RangeError('refused');
    };
    const wrong = (): never => {
      throw new InputError('a code is 8', { code: 'E_CODE_RANGE' });
    };
    expect(() => load({ ...plain, ...inFile('bytes'), read: wrong }, refuse)).toThrow('a code is 8');
    expect(() => load({ ...plain, ...inFile('bytes') }, refuse)).toThrow('refused');
  });
});
