import { describe, expect, it } from 'vitest';
import { widenInto } from '../../../kernels/reference/float-formats.ts';
import type { ModelTensor } from '../architecture.ts';
import type { TensorEntry } from '../checkpoint.ts';
import { dtypeBits, type Dtype } from '../dtypes.ts';
import type { StoredTensor } from '../stored-model.ts';
import type { WeightDtype } from '../weight-dtype.ts';
import { findMlxWeight } from './find-weight.ts';
import {
  goldenBytes,
  goldenWeights,
  openTensors,
  type GoldenTensor,
  type GoldenWeight,
} from './golden.test.samples.ts';
import { mlxStoredTensor } from './stored-weight.ts';

function read({ mode, bits, groupSize, values }: GoldenWeight, tensors: Record<string, GoldenTensor>): StoredTensor {
  const renamed = Object.entries(tensors).map(([part, tensor]) => [`x.${part}`, tensor]);
  const checkpoint = openTensors(Object.fromEntries(renamed) as Record<string, GoldenTensor>);
  const shape = [values.shape[0], values.shape[1]];
  const tensor: ModelTensor = { name: 'x.weight', role: 'linear', shape, dimensions: [], module: 'x' };
  const weight = findMlxWeight(checkpoint.tensors, tensor, { mode, bits, groupSize });
  return mlxStoredTensor(checkpoint, tensor, weight);
}

/** Values of a golden in f32. */
function widened(tensor: GoldenTensor): Float32Array {
  const values = new Float32Array(tensor.shape[0] * tensor.shape[1]);
  widenInto(tensor.dtype as WeightDtype, goldenBytes(tensor), values);
  return values;
}

const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);

const cases = goldenWeights.map((golden) => {
  const { mode, bits, groupSize, tensors } = golden;
  const dtypes = Object.values(tensors).map(({ dtype }) => dtype);
  return { golden, name: `${mode} ${bits} bits, groups of ${groupSize}, ${dtypes.join('/')}` };
});

describe('a weight of MLX', () => {
  it.each(cases)('has the values of mx.dequantize, to the bit: $name', ({ golden }) => {
    const tensor = read(golden, golden.tensors);
    expect(tensor.dtype).toBe(golden.values.dtype);
    expect(tensor.shape).toEqual(golden.values.shape);
    expect(bitsOf(tensor.readFloats())).toEqual(bitsOf(widened(golden.values)));
  });

  it.each(cases)('has codes that give the values where it says so: $name', ({ golden }) => {
    const tensor = read(golden, golden.tensors);
    const { codes } = tensor;
    const { scales, biases } = golden.tensors;
    expect(codes?.exact).toBe(golden.mode === 'affine' ? scales.dtype === 'F32' : undefined);
    if (!codes) return;
    const found = codes.read();
    if (found.kind !== 'affine') throw new Error(found.kind);
    expect(found.scales).toEqual(widened(scales));
    expect(found.biases).toEqual(widened(biases));
    expect(Math.max(...found.codes)).toBeLessThan(2 ** golden.bits);
    const values = Float32Array.from(found.codes, (code, i) => {
      const group = Math.floor(i / golden.groupSize);
      return Math.fround(Math.fround(found.scales[group] * code) + found.biases[group]);
    });
    if (codes.exact) expect(values).toEqual(tensor.readFloats());
  });

  it('tells backends where codes of 4 and 8 bits are, and only those', () => {
    for (const golden of goldenWeights) {
      const { codes } = read(golden, golden.tensors);
      if (!codes) continue;
      const { inFile, readScales } = codes;
      expect(inFile !== undefined).toBe(golden.bits === 4 || golden.bits === 8);
      if (!inFile || !readScales) continue;
      const all = codes.read();
      expect({ ...all, ...readScales(), codes: inFile.read() }).toEqual(all);
      inFile.checkUnchanged();
    }
  });

  const [golden] = goldenWeights;
  const edited = (part: string, edit: Partial<GoldenTensor>): Record<string, GoldenTensor> => ({
    ...golden.tensors,
    [part]: { ...golden.tensors[part], ...edit },
  });
  const zeros = (bytes: number): string => Buffer.alloc(bytes).toString('base64');
  const code = (code: string): object => expect.objectContaining({ code }) as object;

  it('is refused if tensors are not those of its scheme', () => {
    const { weight, scales } = golden.tensors;
    expect(() => read(golden, { weight, scales })).toThrow(code('E_TENSOR_MISSING'));
    expect(() => read(golden, edited('weight', { dtype: 'I32' }))).toThrow(code('E_TENSOR_DTYPE'));
    expect(() => read(golden, edited('weight', { shape: [2, 1] }))).toThrow(code('E_TENSOR_SHAPE'));
    expect(() => read(golden, edited('scales', { dtype: 'I32' }))).toThrow(code('E_TENSOR_DTYPE'));
    expect(() => read(golden, edited('biases', { shape: [1, 2], data: zeros(8) }))).toThrow(code('E_TENSOR_SHAPE'));
    expect(() => read({ ...golden, groupSize: 64 }, golden.tensors)).toThrow(code('E_GROUP_SIZE'));
    expect(() => read({ ...golden, mode: 'nvfp4', bits: 4, groupSize: 16 }, golden.tensors)).toThrow(
      code('E_TENSOR_SHAPE'),
    );
    expect(() => read(golden, { ...golden.tensors, global_scale: scales })).toThrow(code('E_TENSOR_UNEXPECTED'));
  });

  it('is refused before anything is read if its values do not fit into memory in one piece', () => {
    const [rows, columns] = [65_536, 32_768];
    const entry = (part: string, dtype: Dtype, width: number): [string, TensorEntry] => {
      const bytes = (rows * width * dtypeBits(dtype)) / 8;
      return [`x.${part}`, { name: `x.${part}`, dtype, shape: [rows, width], bytes, file: 'a', offset: 0 }];
    };
    const tensors = new Map([
      entry('weight', 'U32', columns / 8),
      entry('scales', 'BF16', columns / 64),
      entry('biases', 'BF16', columns / 64),
    ]);
    const shape = [rows, columns];
    const expected: ModelTensor = { name: 'x.weight', role: 'linear', shape, dimensions: [], module: 'x' };
    const weight = findMlxWeight(tensors, expected, { mode: 'affine', bits: 4, groupSize: 64 });
    const tensor = mlxStoredTensor(openTensors({}), expected, weight);
    expect(() => tensor.readFloats()).toThrow(code('E_TENSOR_TOO_LARGE'));
  });

  it('is refused if a scale is no number', () => {
    const infinite = Buffer.from(Float32Array.of(Infinity).buffer).toString('base64');
    for (const part of ['scales', 'biases']) {
      const tensor = read(golden, edited(part, { data: infinite }));
      expect(() => tensor.readFloats()).toThrow(`tensor "x.${part}" holds Infinity at [0, 0], expected finite values`);
      expect(() => tensor.codes?.read()).toThrow(code('E_SCALE'));
    }
    for (const each of goldenWeights.filter(({ mode }) => mode !== 'affine')) {
      const { scales } = each.tensors;
      const patterns = goldenBytes(scales).fill(0xff, 1, 2);
      const data = Buffer.from(patterns).toString('base64');
      expect(() => read(each, { ...each.tensors, scales: { ...scales, data } }).readFloats()).toThrow(
        'tensor "x.scales" holds NaN at [0, 1]',
      );
    }
  });
});
