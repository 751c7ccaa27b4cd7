import { describe, expect, it } from 'vitest';
import { randomCodes, randomFloats } from '../../testing/random-arrays.ts';
import type { DenseWeight, LoadedIntegerWeight, Tensor, Weight } from '../backend.ts';
import { openReferenceBackend } from './backend.ts';

const backend = openReferenceBackend();
const dense = (outFeatures: number, inFeatures: number): DenseWeight => ({
  kind: 'dense',
  dtype: 'F32',
  data: randomFloats(outFeatures * inFeatures, 1),
  outFeatures,
  inFeatures,
});
const integer = (bits: 8 | 4): LoadedIntegerWeight => ({
  kind: 'integer',
  bits,
  codes: randomCodes(3 * 5, 1, -8, 7),
  groupSize: 2,
  scales: randomFloats(9, 2),
  outFeatures: 3,
  inFeatures: 5,
});

describe('tensors', () => {
  it('hold copies', () => {
    const values = Float32Array.of(1, 2, 3, 4, 5, 6);
    const tensor = backend.upload(2, 3, values);
    values.fill(0);
    const copy = backend.download(tensor);
    copy.fill(0);
    expect(Array.from(backend.download(tensor))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(backend.download(backend.allocate(2, 2))).toEqual(new Float32Array(4));
    const into = new Float32Array(6);
    expect(backend.download(tensor, into)).toBe(into);
    expect(Array.from(into)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(() => backend.download(tensor, new Float32Array(5))).toThrow('download: [2, 3] needs 6 values, got 5');
  });

  it('share their memory with views, which outlive them', () => {
    const tensor = backend.upload(2, 3, Float32Array.of(1, 2, 3, 4, 5, 6));
    const view = backend.view(tensor, 3, 2);
    backend.add(tensor, tensor, tensor);
    backend.release(tensor);
    expect(Array.from(backend.download(view))).toEqual([2, 4, 6, 8, 10, 12]);
    expect(() => backend.download(tensor)).toThrow('tensor [2, 3] was released');
  });

  it('refuse sizes that make no sense', () => {
    expect(() => backend.allocate(0, 3)).toThrow('allocate: rows must be a positive integer, not 0');
    expect(() => backend.allocate(3, 1.5)).toThrow(RangeError);
    expect(() => backend.upload(2, 2, new Float32Array(3))).toThrow('upload: [2, 2] needs 4 values, got 3');
    expect(() => backend.view(backend.allocate(2, 3), 4, 2)).toThrow('view: [2, 3] cannot be seen as [4, 2]');
    expect(() => backend.view(backend.allocate(2, 3), -2, -3)).toThrow(RangeError);
  });
});

describe('weights', () => {
  it('count the bytes of their stored form', () => {
    const bias = new Float32Array(3);
    expect(backend.loadWeight({ ...dense(3, 5), bias }).bytes).toBe(15 * 4 + 12);
    expect(backend.loadWeight(integer(8)).bytes).toBe(15 + 9 * 4);
    expect(backend.loadWeight(integer(4)).bytes).toBe(8 + 9 * 4);
    const { codes, scales } = integer(8);
    const affine = {
      codes: new Uint8Array(codes),
      biases: scales,
      scales,
      groupSize: 2,
      outFeatures: 3,
      inFeatures: 5,
    };
    expect(backend.loadWeight({ kind: 'affine', bits: 8, ...affine }).bytes).toBe(15 + 2 * 9 * 4);
  });

  it('refuse arrays that do not fit', () => {
    const load =
      (change: object): (() => Weight) =>
      () =>
        backend.loadWeight({ ...integer(8), ...change });
    expect(load({ codes: new Int8Array(14) })).toThrow('codes of a [3, 5] weight must hold 15 values, not 14');
    expect(load({ scales: new Float32Array(3) })).toThrow('scales of a [3, 5] weight must hold 9 values, not 3');
    expect(load({ bias: new Float32Array(5) })).toThrow('bias of a [3, 5] weight must hold 3 values, not 5');
    expect(load({ groupSize: -1 })).toThrow('groupSize must be 0 or more, not -1');
    expect(load({ outFeatures: 0 })).toThrow(RangeError);
    expect(load({ kind: 'dense', dtype: 'BF16', data: new Float32Array(15) })).toThrow(
      'BF16 data came as Float32Array',
    );
    expect(load({ kind: 'dense', dtype: 'F32', data: new Float32Array(16) })).toThrow('must hold 15 values, not 16');
    const longest = { outFeatures: 1, inFeatures: 131_072, groupSize: 0, scales: new Float32Array(1) };
    expect(load({ ...longest, codes: new Int8Array(131_072) })).toThrow('inFeatures = 131072 may overflow int32');
  });
});

describe('linear', () => {
  it('refuses shapes that do not fit', async () => {
    const weight = backend.loadWeight(dense(3, 5));
    const run = (out: Tensor, x: Tensor): Promise<void> => backend.linear(out, x, weight);
    await expect(run(backend.allocate(2, 3), backend.allocate(2, 4))).rejects.toThrow(
      'linear: x has 4 columns, the weight takes 5 features',
    );
    await expect(run(backend.allocate(2, 4), backend.allocate(2, 5))).rejects.toThrow(
      'linear: out must be [2, 3], not [2, 4]',
    );
  });

  it('refuses to write over what it reads', async () => {
    const x = backend.allocate(2, 4);
    await expect(backend.linear(x, x, backend.loadWeight(dense(4, 4)))).rejects.toThrow(
      'out and x are the same memory',
    );
  });
});

describe('embedding', () => {
  it('widens the rows of its tokens', () => {
    const weight = integer(8);
    const out = backend.allocate(3, 5);
    backend.embedding(out, backend.loadWeight(weight), Int32Array.of(2, 0, 2));
    const row = (n: number): number[] =>
      Array.from({ length: 5 }, (_, k) => Math.fround(weight.codes[5 * n + k] * weight.scales[3 * n + (k >> 1)]) + 0);
    expect(Array.from(backend.download(out))).toEqual([...row(2), ...row(0), ...row(2)]);
  });

  it('scales them in f32', () => {
    const table = dense(3, 5);
    const out = backend.allocate(1, 5);
    backend.embedding(out, backend.loadWeight(table), Int32Array.of(1), { scale: 6.3 });
    const row = (table.data as Float32Array).subarray(5, 10);
    expect(backend.download(out)).toEqual(row.map((value) => value * Math.fround(6.3)));
  });

  it('refuses tokens outside the table', () => {
    const table = backend.loadWeight(dense(3, 5));
    for (const id of [-1, 3]) {
      expect(() => {
        backend.embedding(backend.allocate(1, 5), table, Int32Array.of(id));
      }).toThrow(`embedding: token id ${id} is outside the table of 3 rows`);
    }
  });
});

describe('handles', () => {
  it('are refused when they come from elsewhere or were released', async () => {
    const tensor = backend.allocate(1, 5);
    expect(() => backend.download({ rows: 1, columns: 5 })).toThrow('download: tensor is not a tensor of this backend');
    await expect(backend.linear(tensor, tensor, { outFeatures: 5, inFeatures: 5, bytes: 100 })).rejects.toThrow(
      'linear: the weight is not of this backend',
    );
    const cache = backend.createKvCache(4, 1, 5);
    const weight = backend.loadWeight(dense(5, 5));
    for (const handle of [cache, weight, weight]) backend.release(handle);
    await expect(backend.linear(backend.allocate(1, 5), tensor, weight)).rejects.toThrow('weight [5, 5] was released');
    const options = { heads: 1, kvHeads: 1, headDim: 5, scale: 1 };
    await expect(backend.attention(tensor, tensor, tensor, tensor, cache, options)).rejects.toThrow(
      'the KV cache was released',
    );
    expect(() => {
      backend.release({ rows: 1, columns: 1 });
    }).toThrow('release: the handle is not of this backend');
  });
});
