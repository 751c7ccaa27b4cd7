import { closeSync, ftruncateSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { codeOf, forEachFault } from '../../testing/faulty-file-system.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { narrowBf16, narrowF16 } from '../../kernels/reference/float-formats.ts';
import { CiderError } from '../errors.ts';
import { Checkpoint, type TensorEntry } from './checkpoint.ts';
import { dtypes } from './dtypes.ts';
import { layoutFile, planShards, type TensorSpec } from './safetensors-layout.ts';
import { writeSafetensors, type TensorData } from './safetensors-writer.ts';
import { INDEX_NAME, shardIndex } from './shard-index.ts';
import { tensorBytes } from './tensor-size.ts';

function opened(path: string): Checkpoint {
  const checkpoint = Checkpoint.open(path);
  onTestFinished(() => {
    checkpoint.close();
  });
  return checkpoint;
}

function entryOf(checkpoint: Checkpoint, name: string): TensorEntry {
  const entry = checkpoint.tensors.get(name);
  if (!entry) throw new Error(`${name} is not there`);
  return entry;
}

const coded = (code: string): unknown => expect.objectContaining({ code });

/** Writes a folder as `convert` would: shards of at most `limit` bytes, and their index if there are several. */
function writeFolder(folder: string, tensors: readonly TensorData[], limit: number): void {
  const shards = planShards(
    tensors.map((tensor) => [tensor]),
    limit,
  );
  for (const { name, groups } of shards) writeSafetensors(join(folder, name), groups.flat());
  const layouts = shards.map(({ name, groups }) => ({ name, layout: layoutFile(groups.flat()) }));
  if (shards.length > 1) writeFileSync(join(folder, INDEX_NAME), shardIndex(layouts));
}

describe('Checkpoint', () => {
  it('gives back what was written, in one file or in shards', () => {
    const spec = fc.record({
      name: fc.oneof(fc.constantFrom('__proto__', 'toString', '7'), fc.string({ unit: 'grapheme', maxLength: 8 })),
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.nat(4), { maxLength: 3 }).map((shape) => [...shape, 4]),
    });
    const tensor = spec.chain((one: TensorSpec): fc.Arbitrary<TensorData> => {
      const length = tensorBytes(one, 'x');
      return fc.uint8Array({ minLength: length, maxLength: length }).map((data) => ({ ...one, data }));
    });
    const tensors = fc.uniqueArray(tensor, { minLength: 1, maxLength: 6, selector: ({ name }) => name });
    fc.assert(
      fc.property(tensors, fc.integer({ min: 1, max: 300 }), (all, limit) => {
        fc.pre(all.every(({ name }) => !name.includes('\0') && name !== '__metadata__'));
        const folder = temporaryFolder();
        writeFolder(folder, all, limit);
        const checkpoint = Checkpoint.open(folder);
        expect(checkpoint.tensors.size).toBe(all.length);
        for (const { name, dtype, shape, data } of all) {
          const entry = entryOf(checkpoint, name);
          expect(entry).toMatchObject({ name, dtype, shape, bytes: data.length });
          expect(checkpoint.readBytes(entry)).toEqual(data);
          const half = new Uint8Array(Math.floor(data.length / 2));
          checkpoint.readInto(entry, half, data.length - half.length);
          expect(half).toEqual(data.slice(data.length - half.length));
        }
        checkpoint.close();
      }),
      { numRuns: 60 },
    );
  });

  it('opens one shard of many by its path', () => {
    const folder = temporaryFolder();
    const tensors = ['a', 'b'].map((name): TensorData => ({ name, dtype: 'U8', shape: [1], data: Uint8Array.of(1) }));
    writeFolder(folder, tensors, 1);
    const checkpoint = opened(join(folder, 'model-00002-of-00002.safetensors'));
    expect([...checkpoint.tensors.keys()]).toEqual(['b']);
    expect(checkpoint.folder).toBe(folder);
    expect(checkpoint.files).toHaveLength(1);
  });

  it('lists tensors in the order of files and bytes, and metadata', () => {
    const folder = temporaryFolder();
    const bytes = (dtype: 'U8' | 'F32', name: string): TensorData => ({
      name,
      dtype,
      shape: [4],
      data: new Uint8Array(dtype === 'U8' ? 4 : 16),
    });
    writeFolder(folder, [bytes('U8', 'a'), bytes('F32', 'b'), bytes('F32', 'c')], 20);
    const checkpoint = opened(folder);
    expect([...checkpoint.tensors.keys()]).toEqual(['b', 'a', 'c']);
    expect(checkpoint.files.map(({ metadata }) => metadata.get('format'))).toEqual(['pt', 'pt']);
  });

  it('widens floats of every format', () => {
    const values = [0, -0, 1, -1.5, 0.25, 448, -2, 0.0625];
    const path = join(temporaryFolder(), 'x.safetensors');
    const tensor = (dtype: TensorSpec['dtype'], array: ArrayLike<number> & ArrayBufferView): TensorData => ({
      name: dtype,
      dtype,
      shape: [array.length],
      data: new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
    });
    writeSafetensors(path, [
      tensor('F64', Float64Array.from(values)),
      tensor('F32', Float32Array.from(values)),
      tensor('F16', Uint16Array.from(values, narrowF16)),
      tensor('BF16', Uint16Array.from(values, narrowBf16)),
      tensor('F8_E4M3', Uint8Array.of(0x00, 0x80, 0x38, 0xbc, 0x28, 0x7e, 0xc0, 0x18)),
      tensor('I8', Int8Array.of(1)),
    ]);
    const checkpoint = opened(path);
    for (const name of ['F64', 'F32', 'F16', 'BF16', 'F8_E4M3']) {
      expect(checkpoint.readFloats(entryOf(checkpoint, name))).toEqual(Float32Array.from(values));
    }
    expect(() => checkpoint.readFloats(entryOf(checkpoint, 'I8'))).toThrow(coded('E_NOT_FLOAT'));
  });

  it('widens a tensor of several chunks', () => {
    const patterns = Uint16Array.from({ length: 9 * 1024 * 1024 + 3 }, (_, i) => i & 0x7eff);
    const path = join(temporaryFolder(), 'x.safetensors');
    writeSafetensors(path, [
      { name: 'a', dtype: 'BF16', shape: [patterns.length], data: new Uint8Array(patterns.buffer) },
    ]);
    const checkpoint = opened(path);
    const words = new Uint32Array(checkpoint.readFloats(entryOf(checkpoint, 'a')).buffer);
    expect(words).toHaveLength(patterns.length);
    expect(words.findIndex((word, i) => word !== patterns[i] << 16)).toBe(-1);
  });

  it('refuses ranges outside a tensor, and reads after the end', () => {
    const path = join(temporaryFolder(), 'x.safetensors');
    writeSafetensors(path, [{ name: 'a', dtype: 'U8', shape: [4], data: new Uint8Array(4) }]);
    const checkpoint = Checkpoint.open(path);
    const entry = entryOf(checkpoint, 'a');
    for (const [length, offset] of [
      [5, 0],
      [1, 4],
      [1, -1],
      [1, 0.5],
      [1, NaN],
    ]) {
      expect(() => {
        checkpoint.readInto(entry, new Uint8Array(length), offset);
      }).toThrow(RangeError);
    }
    checkpoint.readInto(entry, new Uint8Array(0), 4);
    checkpoint.close();
    checkpoint.close();
    expect(() => checkpoint.readBytes(entry)).toThrow(RangeError);
  });
});

describe('a file beyond 4 GiB', () => {
  const GIB = 2 ** 30;

  it('is read at any place', () => {
    const large = 4.5 * GIB;
    const layout = layoutFile([
      { name: 'large', dtype: 'U8', shape: [large] },
      { name: 'wide', dtype: 'BF16', shape: [GIB / 8, 1] },
      { name: 'last', dtype: 'I8', shape: [8] },
    ]);
    const path = join(temporaryFolder(), 'x.safetensors');
    const fd = openSync(path, 'w');
    writeSync(fd, layout.header);
    ftruncateSync(fd, layout.fileBytes);
    const start = layout.offsets.get('large') ?? NaN;
    writeSync(fd, Buffer.from('beyond'), 0, 6, start + 4.25 * GIB);
    writeSync(fd, Buffer.from('the end.'), 0, 8, layout.offsets.get('last') ?? NaN);
    closeSync(fd);

    const checkpoint = opened(path);
    const entry = entryOf(checkpoint, 'large');
    const range = new Uint8Array(8);
    checkpoint.readInto(entry, range, 4.25 * GIB - 1);
    expect(Buffer.from(range).toString()).toBe('\0beyond\0');
    checkpoint.readInto(entry, range, large - 8);
    expect(range).toEqual(new Uint8Array(8));
    expect(Buffer.from(checkpoint.readBytes(entryOf(checkpoint, 'last'))).toString()).toBe('the end.');
    expect(() => checkpoint.readBytes(entry)).toThrow(coded('E_TENSOR_TOO_LARGE'));
  });

  it('does not widen a tensor that would not fit', () => {
    const layout = layoutFile([{ name: 'a', dtype: 'BF16', shape: [GIB + 1] }]);
    const path = join(temporaryFolder(), 'x.safetensors');
    const fd = openSync(path, 'w');
    writeSync(fd, layout.header);
    ftruncateSync(fd, layout.fileBytes);
    closeSync(fd);
    const checkpoint = opened(path);
    expect(() => checkpoint.readFloats(entryOf(checkpoint, 'a'))).toThrow(coded('E_TENSOR_TOO_LARGE'));
  });
});

describe('the folder of a model', () => {
  const one: readonly TensorData[] = [{ name: 'a', dtype: 'U8', shape: [1], data: Uint8Array.of(7) }];

  it('may be a snapshot of the Hugging Face cache', () => {
    const repository = temporaryFolder();
    const snapshot = join(repository, 'snapshots', '0123abcd');
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(repository, 'blobs'));
    writeSafetensors(join(repository, 'blobs', 'e3b0c442'), one);
    symlinkSync('../../blobs/e3b0c442', join(snapshot, 'model.safetensors'));
    const checkpoint = opened(snapshot);
    expect(checkpoint.readBytes(entryOf(checkpoint, 'a'))).toEqual(one[0].data);
    expect(checkpoint.files[0].name).toBe('model.safetensors');
  });

  it.each(['blobs/nested/x', 'other/x', 'snapshots/x'])('is no such snapshot if the link leads to %s', (target) => {
    const repository = temporaryFolder();
    const snapshot = join(repository, 'snapshots', '0123abcd');
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(repository, target, '..'), { recursive: true });
    writeSafetensors(join(repository, target), one);
    symlinkSync(join(repository, target), join(snapshot, 'model.safetensors'));
    expect(() => Checkpoint.open(snapshot)).toThrow(coded('E_LINK_OUTSIDE'));
  });

  it('may itself be a link, and hold links to its own files', () => {
    const parent = temporaryFolder();
    mkdirSync(join(parent, 'real'));
    writeSafetensors(join(parent, 'real', 'weights'), one);
    symlinkSync('weights', join(parent, 'real', 'model.safetensors'));
    symlinkSync('real', join(parent, 'link'));
    expect(opened(join(parent, 'link')).tensors.size).toBe(1);
  });

  it('is missed with a word of what was looked for', () => {
    const folder = temporaryFolder();
    expect(() => Checkpoint.open(join(folder, 'none'))).toThrow(coded('E_MODEL_NOT_FOUND'));
    expect(() => Checkpoint.open(folder)).toThrow(/neither model\.safetensors nor model\.safetensors\.index\.json/);
    writeSafetensors(join(folder, 'consolidated.safetensors'), one);
    expect(() => Checkpoint.open(folder)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('consolidated.safetensors') as string }),
    );
  });

  it('is read rightly or refused, whatever operation fails', () => {
    const folder = temporaryFolder();
    const data = Uint8Array.from({ length: 64 }, (_, i) => i);
    writeFolder(
      folder,
      ['a', 'b', 'c'].map((name) => ({ name, dtype: 'U8', shape: [64], data })),
      100,
    );
    let failures = 0;
    forEachFault((fileSystem, fault) => {
      try {
        const checkpoint = Checkpoint.open(folder, fileSystem);
        try {
          for (const entry of checkpoint.tensors.values()) expect(checkpoint.readBytes(entry)).toEqual(data);
        } finally {
          checkpoint.close();
        }
      } catch (error) {
        if (!(error instanceof CiderError)) throw error;
        expect(error.code).toBe(codeOf(fault));
        failures++;
      }
      expect(fileSystem.openFiles).toBe(0);
    });
    expect(failures).toBeGreaterThan(2 * 30);
  });
});
