import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nativeLibraryForTests, needNativeLibrary } from '../../testing/native-library.ts';
import { randomFloats } from '../../testing/random-arrays.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { packCodes } from '../../quant/checkpoint/packing.ts';
import type { DenseWeight, IntegerWeight, StoredFloats, WeightSource } from '../backend.ts';
import { openReferenceBackend } from '../reference/backend.ts';
import { openNativeBackend, type NativeBackend } from './backend.ts';

const library = nativeLibraryForTests();

const dense = (outFeatures: number, inFeatures: number, data: Float32Array | StoredFloats): DenseWeight => ({
  kind: 'dense',
  dtype: 'F32',
  data,
  outFeatures,
  inFeatures,
});
const integer: IntegerWeight = {
  kind: 'integer',
  bits: 8,
  codes: new Int8Array(15),
  groupSize: 0,
  scales: new Float32Array(3).fill(1),
  outFeatures: 3,
  inFeatures: 5,
};

describe.skipIf(!library)('the native backend', () => {
  let backend: NativeBackend;
  beforeEach(() => {
    backend = openNativeBackend(needNativeLibrary(), { threads: 2 });
  });
  afterEach(() => {
    backend.close();
  });

  describe('tensors', () => {
    it('hold copies, and are zero at first', () => {
      const values = Float32Array.of(1, 2, 3, 4, 5, 6);
      const tensor = backend.upload(2, 3, values);
      values.fill(0);
      backend.download(tensor).fill(0);
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
      backend.release(tensor);
      expect(Array.from(backend.download(view))).toEqual([2, 4, 6, 8, 10, 12]);
      expect(() => backend.download(tensor)).toThrow('tensor [2, 3] was released');
      expect(() => backend.view(tensor, 3, 2)).toThrow('tensor [2, 3] was released');
      backend.release(view);
      expect(() => backend.download(view)).toThrow('tensor [3, 2] was released');
    });

    it('refuse sizes that make no sense', () => {
      expect(() => backend.allocate(0, 3)).toThrow('allocate: rows must be a positive integer, not 0');
      expect(() => backend.allocate(3, 1.5)).toThrow(RangeError);
      expect(() => backend.upload(2, 2, new Float32Array(3))).toThrow('upload: [2, 2] needs 4 values, got 3');
      expect(() => backend.upload(2, 2, new Float64Array(4) as never)).toThrow('values must be a Float32Array');
      expect(() => backend.view(backend.allocate(2, 3), 4, 2)).toThrow('view: [2, 3] cannot be seen as [4, 2]');
      expect(() => backend.allocate(2 ** 40, 2 ** 12)).toThrow(/out of memory|no memory/);
    });
  });

  describe('weights', () => {
    it('come from files too, wherever they begin in them', async () => {
      const path = join(temporaryFolder(), 'floats');
      const values = randomFloats(15, 1);
      writeFileSync(path, new Uint8Array([1, 2, 3, ...new Uint8Array(values.buffer), 4]));
      const read = (): never => {
        throw new Error('the library reads by itself');
      };
      const checkUnchanged = (): void => undefined;
      const weight = backend.loadWeight(dense(3, 5, { path, offset: 3, bytes: 60, checkUnchanged, read }));
      expect(weight.bytes).toBe(60);
      const x = randomFloats(10, 2);
      const [input, out] = [backend.upload(2, 5, x), backend.allocate(2, 3)];
      await backend.linear(out, input, weight);
      const fromMemory = backend.allocate(2, 3);
      await backend.linear(fromMemory, input, backend.loadWeight(dense(3, 5, values)));
      expect(backend.download(out)).toEqual(backend.download(fromMemory));

      const load =
        (offset: number, bytes: number, file = path) =>
        () =>
          backend.loadWeight(dense(3, 5, { path: file, offset, bytes, checkUnchanged, read }));
      expect(load(5, 60)).toThrow(RangeError);
      expect(load(3, 56)).toThrow('data of a [3, 5] weight must hold 15 values, not 14');
      expect(load(-1, 60)).toThrow(RangeError);
      expect(load(0, 60, `${path}-not`)).toThrow(/No such file/);
      expect(load(0, 60, 'a\0b')).toThrow(RangeError);
    });

    it('take codes from files, one a byte or in words', async () => {
      const path = join(temporaryFolder(), 'codes');
      const [n, k] = [3, 6];
      const codes = Uint8Array.from({ length: n * k }, (_, i) => (i * 7) % 16);
      const words = packCodes(new Int8Array(codes.map((code) => code - 8)), n, k, 4);
      writeFileSync(path, new Uint8Array([9, ...codes, ...words]));
      const stored = { path, checkUnchanged: () => undefined, read: () => expect.fail('the library reads by itself') };
      const scales = Float32Array.of(1, 2, 0.5);
      const shape = { outFeatures: n, inFeatures: k, groupSize: 0, scales };
      const inBytes = { ...stored, offset: 1, bytes: n * k, storage: 'bytes' } as const;
      const inWords = { ...stored, offset: 1 + n * k, bytes: words.length, storage: 'words' } as const;
      const affine = { ...shape, kind: 'affine', biases: Float32Array.of(-1, 0, 3) } as const;
      const input = backend.upload(2, k, randomFloats(2 * k, 1));
      const outputOf = async (source: WeightSource): Promise<Float32Array> => {
        const out = backend.allocate(2, n);
        await backend.linear(out, input, backend.loadWeight(source));
        return backend.download(out);
      };
      const signed = { ...shape, kind: 'integer', bits: 8 } as const;
      expect(await outputOf({ ...signed, codes: inBytes })).toEqual(
        await outputOf({ ...signed, codes: new Int8Array(codes) }),
      );
      const expected = await outputOf({ ...affine, bits: 4, codes });
      expect(await outputOf({ ...affine, bits: 4, codes: inBytes })).toEqual(expected);
      expect(await outputOf({ ...affine, bits: 4, codes: inWords })).toEqual(expected);
      expect(backend.loadWeight({ ...affine, bits: 4, codes: inWords }).bytes).toBe(n * 3 + 2 * 12);
      expect(() => backend.loadWeight({ ...affine, bits: 8, codes: inWords })).toThrow(
        'codes of a [3, 6] weight must take 24 bytes, not 12',
      );
    });

    it('refuse files that changed before or while they were packed', () => {
      const path = join(temporaryFolder(), 'floats');
      writeFileSync(path, new Uint8Array(60));
      const read = (): never => expect.fail('the library reads by itself');
      const changedAfter = (checks: number) => (): void => {
        if (checks-- === 0) throw new Error('the file changed');
      };
      for (const checks of [0, 1]) {
        const stored = { path, offset: 0, bytes: 60, checkUnchanged: changedAfter(checks), read };
        expect(() => backend.loadWeight(dense(3, 5, stored))).toThrow('the file changed');
      }
    });

    it('refuse arrays that do not fit', () => {
      const load = (change: object) => () => backend.loadWeight({ ...integer, ...change });
      expect(load({ codes: new Int8Array(14) })).toThrow('codes of a [3, 5] weight must hold 15 values, not 14');
      expect(load({ codes: new Uint8Array(15) })).toThrow('codes came as Uint8Array, not Int8Array');
      expect(load({ scales: new Float64Array(3) })).toThrow('scales came as Float64Array, not Float32Array');
      expect(load({ bits: 4, codes: new Int8Array(15).fill(8) })).toThrow(/does not fit into 4 bits/);
      expect(load({ bits: 5 })).toThrow(RangeError);
    });

    it('count the bytes of their stored form', () => {
      expect(backend.loadWeight(integer).bytes).toBe(15 + 12);
    });
  });

  it('refuses handles of others, released ones, and wrong shapes', async () => {
    const other = openReferenceBackend();
    const [x, out] = [backend.allocate(2, 5), backend.allocate(2, 3)];
    const weight = backend.loadWeight(integer);
    await expect(backend.linear(out, other.allocate(2, 5), weight)).rejects.toThrow(
      'x is not a tensor of this backend',
    );
    await expect(backend.linear(out, x, other.loadWeight(integer))).rejects.toThrow(
      'the weight is not of this backend',
    );
    await expect(backend.linear(out, backend.allocate(2, 4), weight)).rejects.toThrow('x has 4 columns');
    await expect(backend.linear(x, out, weight)).rejects.toThrow(RangeError);
    expect(() => {
      backend.release(other.allocate(1, 1));
    }).toThrow('release: the handle is not of this backend');
    backend.release(weight);
    backend.release(weight);
    await expect(backend.linear(out, x, weight)).rejects.toThrow('the weight was released');
    const cache = backend.createKvCache(4, 1, 8);
    backend.release(cache);
    expect(() => cache.length).toThrow('the kv_cache was released');
  });

  it('refuses handles of another device', async () => {
    const other = openNativeBackend(needNativeLibrary(), { isa: 'generic', threads: 1 });
    const [x, out] = [backend.allocate(2, 5), backend.allocate(2, 3)];
    const weight = other.loadWeight(integer);
    if (backend.info.isa !== 'generic') await expect(backend.linear(out, x, weight)).rejects.toThrow(RangeError);
    other.close();
    await expect(backend.linear(out, x, weight)).rejects.toThrow('the weight was released');
  });

  it('does one thing at a time', async () => {
    const [rows, k] = [768, 768]; // enough to go to another thread
    const [x, out] = [backend.upload(rows, k, randomFloats(rows * k, 1)), backend.allocate(rows, k)];
    const weight = backend.loadWeight(dense(k, k, randomFloats(k * k, 2)));
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const running = backend.linear(out, x, weight);
    expect(() => backend.download(out)).toThrow('read: await linear first, which is still running');
    expect(() => {
      backend.release(x);
    }).toThrow(RangeError);
    expect(() => {
      backend.close();
    }).toThrow(RangeError);
    await expect(backend.linear(out, x, weight)).rejects.toThrow('await linear first');
    await running;
    clearInterval(timer);
    // The event loop went on meanwhile.
    expect(turns).toBeGreaterThan(0);
    expect(backend.download(out).some((value) => value !== 0)).toBe(true);
  });

  it('has nothing to give once it is closed', async () => {
    const tensor = backend.allocate(2, 5);
    const weight = backend.loadWeight(integer);
    backend.close();
    backend.close();
    backend.release(tensor);
    backend.release(weight);
    expect(() => backend.allocate(1, 1)).toThrow('createBuffer: the backend was closed');
    await expect(backend.linear(tensor, tensor, weight)).rejects.toThrow(RangeError);
  });

  it('refuses tensors of another device, also in the library itself', () => {
    const other = openNativeBackend(needNativeLibrary(), { threads: 2 });
    const [x, foreign] = [backend.allocate(1, 4), other.allocate(1, 4)];
    const add = (): void => {
      backend.add(x, foreign, x);
    };
    expect(add).toThrow(RangeError);
    expect(add).toThrow('add: a belongs to another device');
    other.close();
  });

  it('waits for what was asked for, and knows no clock but the one of a GPU', () => {
    const x = backend.upload(1, 2, Float32Array.of(1, 2));
    backend.add(x, x, x);
    backend.synchronize();
    expect(backend.download(x)).toEqual(Float32Array.of(2, 4));
    expect(backend.deviceSeconds()).toBe(0);
    backend.close();
    expect(() => {
      backend.synchronize();
    }).toThrow('synchronize: the backend was closed');
    expect(() => backend.deviceSeconds()).toThrow('deviceSeconds: the backend was closed');
  });

  it('refuses a backend that the library does not have', () => {
    const loaded = needNativeLibrary();
    const open = (): unknown => loaded.open({ isa: null, threads: 1, backend: 'abacus', cache: null });
    expect(open).toThrow(expect.objectContaining({ name: 'NativeError', status: 'unavailable' }) as Error);
    expect(open).toThrow('this library has no backend abacus');
    expect(loaded.isas('abacus')).toEqual([]);
    expect(loaded.backendReport('abacus')).toBe('');
    expect(() => loaded.isas('c\0pu')).toThrow('isas: backend must be text without NUL characters');
    expect(() => loaded.backendReport('cpu', 'a\0b')).toThrow(
      'backendReport: cache must be text without NUL characters',
    );
  });

  it('has nothing to report of the CPU, and takes a cache that it does not use', () => {
    const loaded = needNativeLibrary();
    expect(loaded.backendReport('cpu')).toBe('');
    expect(loaded.isas('cpu', '/nonexistent')).toEqual(loaded.isas('cpu'));
    const opened = openNativeBackend(loaded, { backend: 'cpu', threads: 1, cache: '/nonexistent' });
    expect(opened.info).toEqual({ name: 'cpu', isa: loaded.isas('cpu')[0], threads: 1 });
    opened.close();
  });

  it('refuses an instruction set or a number of threads that there is not', () => {
    const open = (options: object) => () => openNativeBackend(needNativeLibrary(), options);
    expect(open({ isa: 'mmx' })).toThrow(/does not run mmx/);
    expect(open({ threads: -1 })).toThrow(RangeError);
    expect(open({ threads: 1.5 })).toThrow(RangeError);
  });

  it('says that weights to quantize are not finite', async () => {
    const data = new Float32Array(15);
    data[7] = NaN;
    const source = { dtype: 'F32', data, rows: 3, columns: 5, bits: 8, groupSize: 0 } as const;
    const quantize = backend.quantizeRows(source, new Int8Array(15), new Float32Array(3));
    await expect(quantize).rejects.toMatchObject({ name: 'NativeError', status: 'non-finite value' });
    await expect(quantize).rejects.toThrow('row 1, column 2');
  });

  it("has the library's words for what fails in another thread", async () => {
    const loaded = needNativeLibrary();
    const device = loaded.open({ isa: null, threads: 1, backend: 'cpu', cache: null });
    const source = Float32Array.of(1, 2, 3, Infinity);
    const params = { source, codes: new Int8Array(4), scales: new Float32Array(2), dtype: 0, bits: 8 };
    const run = loaded.askAsync('quantize_rows', device, { ...params, rows: 2, columns: 2, group_size: 0 });
    await expect(run).rejects.toThrow('quantize_rows: NaN or infinity in row 1, column 1');
    loaded.release(device);
  });
});
