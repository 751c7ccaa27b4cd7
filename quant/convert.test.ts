import { existsSync, readdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { convertTiny as attempt, setUpTiny as setUp } from '../testing/tiny-conversion.ts';
import { folderContents } from '../testing/folder-contents.ts';
import { tinyConfig, writeTinyCheckpoint } from '../testing/tiny-checkpoint.ts';
import { Checkpoint } from './checkpoint/checkpoint.ts';
import { readCompressedTensors } from './checkpoint/compressed-tensors/read-tensors.ts';
import { readModelConfig } from './checkpoint/hf-config.ts';
import { openModel } from './checkpoint/open-model.ts';
import { inlineExecutor, workerExecutor } from './conversion/executors.ts';
import type { JobExecutor } from './conversion/job.ts';
import { nodeFileSystem, type FileSystem } from './file-system.ts';
import { quantizeRows } from './schemes/quantize-rows.ts';
import { groupsPerRow, type Mode } from './schemes/scheme.ts';

const weightFiles = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.safetensors'));

describe('convert', () => {
  it('gives the same bytes for any number of threads', async () => {
    const root = setUp();
    await attempt(root);
    const expected = folderContents(join(root, 'out'));
    expect(Object.keys(expected)).toContain('model.safetensors.index.json');
    for (const threads of [1, 2, 3]) {
      await attempt(root, { executor: workerExecutor(threads), overwrite: true });
      expect(folderContents(join(root, 'out'))).toEqual(expected);
    }
  });

  it.each<[Mode, 0 | 32]>([
    ['w8a8', 0],
    ['w8a8', 32],
    ['w4a8', 0],
    ['w4a8', 32],
    ['w8a16', 32],
    ['w4a16', 32],
  ])('stores the codes and scales of the quantizer: %s, group size %d', async (mode, groupSize) => {
    const root = setUp();
    await attempt(root, { mode, groupSize });
    const source = Checkpoint.open(join(root, 'in'));
    const output = Checkpoint.open(join(root, 'out'));
    const { tensors, rowName } = readCompressedTensors(output, readModelConfig(join(root, 'out')));
    expect(rowName).toBe(groupSize === 0 ? mode : `${mode}-g${groupSize}`);
    const module = 'model.layers.1.mlp.down_proj';
    const entry = source.tensors.get(`${module}.weight`);
    if (!entry) throw new Error('no such weight');
    const [rows, columns] = entry.shape;
    const codes = new Int8Array(rows * columns);
    const scales = new Float32Array(rows * groupsPerRow(columns, groupSize));
    const data = new Uint16Array(source.readBytes(entry).buffer);
    const bits = mode.startsWith('w4') ? 4 : 8;
    quantizeRows({ dtype: 'BF16', data, rows, columns }, { bits, groupSize, clip: { kind: 'minmax' } }, codes, scales);
    expect(tensors.get(`${module}.weight`)?.codes?.read()).toEqual({ kind: 'symmetric', codes, scales });

    const norm = 'model.norm.weight';
    const [before, after] = [source, output].map((checkpoint) => checkpoint.tensors.get(norm));
    if (!before || !after) throw new Error('no norm');
    expect(output.readBytes(after)).toEqual(source.readBytes(before));
    source.close();
    output.close();
  });

  it('lets layers whose K does not divide fall back to one scale a row, and says so in config.json', async () => {
    const root = setUp();
    await expect(attempt(root, { groupSize: 64 })).rejects.toMatchObject({
      code: 'E_INDIVISIBLE_GROUP',
      details: { tensor: 'model.layers.0.mlp.down_proj.weight', value: 96, fitting: ['32'] },
    });
    await attempt(root, { groupSize: 64, onIndivisible: 'channel' });
    const model = openModel(join(root, 'out'));
    expect(model.scheme).toBe('w8a8, groups of 64, 2 layers per channel');
    model.close();
  });

  it('names tensor and index of a weight that is not finite, and leaves nothing', async () => {
    const root = setUp();
    writeTinyCheckpoint(join(root, 'in'), tinyConfig, (name, values) => {
      if (name === 'model.layers.1.self_attn.o_proj.weight') values[3 * 64 + 5] = 0x7f80;
    });
    await expect(attempt(root)).rejects.toMatchObject({
      code: 'E_NON_FINITE_WEIGHT',
      message: expect.stringContaining('"model.layers.1.self_attn.o_proj.weight" holds Infinity at [3, 5]') as string,
    });
    expect(readdirSync(root)).toEqual(['in']);
  });

  it('compares the disk with what it needs before it reads a weight', async () => {
    const root = setUp();
    const full = { ...nodeFileSystem, freeBytes: () => 1000 };
    const untouched: JobExecutor = {
      run: () => Promise.reject(new Error('a job ran')),
      close: () => Promise.resolve(),
    };
    await expect(attempt(root, { fileSystem: full, executor: untouched })).rejects.toMatchObject({
      name: 'ResourceError',
      code: 'E_DISK_SPACE',
      message: expect.stringMatching(/the output needs \d+ bytes, but 1000 are free$/) as string,
    });
    expect(readdirSync(root)).toEqual(['in']);
  });

  it('notices a source that changes while it is read', async () => {
    const root = setUp();
    const weights = join(root, 'in', 'model.safetensors');
    const inner = inlineExecutor(nodeFileSystem);
    let jobs = 0;
    const executor: JobExecutor = {
      run: (job) => {
        if (++jobs === 5) truncateSync(weights, statSync(weights).size - 4000);
        return inner.run(job);
      },
      close: () => inner.close(),
    };
    await expect(attempt(root, { executor })).rejects.toMatchObject({ name: 'InputError', code: 'E_FILE_CHANGED' });
    expect(readdirSync(root)).toEqual(['in']);
  });

  it('has few files open at a time, however many it writes', async () => {
    const root = setUp();
    const open = new Set<number>();
    let most = 0;
    const counting: FileSystem = {
      ...nodeFileSystem,
      open: (path, mode) => {
        const fd = nodeFileSystem.open(path, mode);
        most = Math.max(most, open.add(fd).size);
        return fd;
      },
      close: (fd) => {
        open.delete(fd);
        nodeFileSystem.close(fd);
      },
    };
    await attempt(root, { fileSystem: counting, maxShardBytes: 1 });
    expect(weightFiles(join(root, 'out')).length).toBeGreaterThan(20);
    expect(most).toBeLessThan(20);
    expect(open.size).toBe(0);
  });

  it('does not copy what a link of the model leads to', async () => {
    const root = setUp();
    writeFileSync(join(root, 'secret'), 'mine');
    symlinkSync(join(root, 'secret'), join(root, 'in', 'vocab.txt'));
    await expect(attempt(root)).rejects.toMatchObject({ code: 'E_LINK_OUTSIDE' });
  });

  it('goes on after a failure and gives the bytes of an undisturbed run', async () => {
    const root = setUp();
    await attempt(root);
    const expected = folderContents(join(root, 'out'));
    const shards = weightFiles(join(root, 'out')).length;
    expect(shards).toBeGreaterThan(3);

    const other = setUp();
    await expect(attempt(other, { executor: failingAfter(2) })).rejects.toThrow('the power went out');
    expect(existsSync(join(other, 'out'))).toBe(false);
    expect(weightFiles(join(other, 'out.cider-partial'))).toHaveLength(2);
    const notes: string[] = [];
    await attempt(other, { resume: true, notes });
    expect(notes).toEqual(['going on: 2 files are done']);
    expect(folderContents(join(other, 'out'))).toEqual(expected);
    expect(readdirSync(other)).toEqual(['in', 'out']);
  });

  it('leaves what an unfinished run did when it is refused itself', async () => {
    const root = setUp();
    await expect(attempt(root, { executor: failingAfter(2) })).rejects.toThrow();
    const full = { ...nodeFileSystem, freeBytes: () => 1000 };
    await expect(attempt(root, { resume: true, mode: 'w4a8' })).rejects.toMatchObject({ code: 'E_RESUME_MISMATCH' });
    await expect(attempt(root, { resume: true, fileSystem: full })).rejects.toMatchObject({ code: 'E_DISK_SPACE' });
    await expect(attempt(root, { fileSystem: full })).rejects.toMatchObject({ code: 'E_DISK_SPACE' });
    const notes: string[] = [];
    await attempt(root, { resume: true, notes });
    expect(notes).toEqual(['going on: 2 files are done']);
  });

  it('refuses to go on with other options and says which', async () => {
    const root = setUp();
    await expect(attempt(root, { executor: failingAfter(2) })).rejects.toThrow();
    await expect(attempt(root, { resume: true, mode: 'w4a8' })).rejects.toMatchObject({
      code: 'E_RESUME_MISMATCH',
      message: expect.stringContaining('mode') as string,
    });
    await attempt(root, { mode: 'w4a8' });
    expect(readdirSync(root)).toEqual(['in', 'out']);
  });
});

/** Runs jobs here, but seals only so many files. */
function failingAfter(files: number): JobExecutor {
  const inner = inlineExecutor(nodeFileSystem);
  let sealed = 0;
  return {
    run: async (job) => {
      if (job.kind === 'seal' && sealed++ >= files) throw new Error('the power went out');
      return inner.run(job);
    },
    close: () => inner.close(),
  };
}
