import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LinearAlgebra } from '../../kernels/linear-algebra.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { referenceLinearAlgebra } from '../../kernels/reference/linear-algebra.ts';
import { convertCalibrated } from '../../quant/calibrated-convert.ts';
import { Checkpoint } from '../../quant/checkpoint/checkpoint.ts';
import { readModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import type { StoredModel } from '../../quant/checkpoint/stored-model.ts';
import { inlineExecutor } from '../../quant/conversion/executors.ts';
import { prepareConversion, type ConversionRequest } from '../../quant/conversion/prepare.ts';
import { CiderError } from '../../quant/errors.ts';
import { nodeFileSystem, type FileSystem } from '../../quant/file-system.ts';
import type { GptqRounding, Treatment } from '../../quant/methods/treatment.ts';
import { faults, faultyFileSystem } from '../../testing/faulty-file-system.ts';
import { folderContents } from '../../testing/folder-contents.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint } from '../../testing/tiny-checkpoint.ts';
import { loadModel } from '../model/load.ts';
import { modelCalibrator } from './model-calibrator.ts';

const gptq: GptqRounding = {
  kind: 'gptq',
  damping: 0.01,
  activationOrder: true,
  compensation: 0.5,
  clipWeights: 'diagonal',
  refine: 1,
};
const everything: Treatment = { rotation: { seed: 3 }, smoothing: { alpha: 'auto' }, rounding: gptq };
const quick: Treatment = { ...everything, smoothing: { alpha: 0.5 }, rounding: { ...gptq, refine: 0 } };

/** Of which one conversion takes a few hundredths of a second. */
const smallest = {
  ...tinyConfig,
  hidden_size: 32,
  intermediate_size: 32,
  num_attention_heads: 1,
  vocab_size: 40,
};
const windows = [1, 2, 3].map((seed) => Int32Array.from({ length: 12 }, (_, i) => (i * i * seed + 5 * seed) % 40));

interface Attempt extends Partial<ConversionRequest> {
  fileSystem?: FileSystem;
  algebra?: LinearAlgebra;
  resume?: boolean;
  overwrite?: boolean;
  warnings?: string[];
}

/** Converts `root/in` to `root/out`, and keeps a record of every layer. */
async function attempt(root: string, options: Attempt = {}): Promise<void> {
  const { fileSystem = nodeFileSystem, algebra = referenceLinearAlgebra, ...rest } = options;
  const { resume = false, overwrite = false, warnings = [], ...request } = rest;
  const model = join(root, 'in');
  const input = openModel(model);
  const backend = openReferenceBackend();
  const executor = inlineExecutor(fileSystem);
  const { signal } = new AbortController();
  const facts = { data: 'test', tokensSha256: 'none', samples: 3, seqLen: 12 };
  try {
    const conversion = prepareConversion(nodeFileSystem, input, {
      mode: 'w4a8',
      groupSize: 32,
      clip: { kind: 'mse' },
      ignore: ['lm_head'],
      onIndivisible: 'error',
      maxShardBytes: 100_000,
      treatment: everything,
      calibration: { ...facts, backend: 'reference' },
      ...request,
    });
    await convertCalibrated(conversion, {
      fileSystem,
      output: join(root, 'out'),
      executor,
      algebra,
      calibrator: modelCalibrator({
        backend,
        algebra,
        fileSystem,
        windows,
        facts,
        intervalMs: 0,
        signal,
        onProgress: () => undefined,
      }),
      owner: { pid: 1, host: 'here', isAlive: () => false },
      version: 'test',
      signal,
      overwrite,
      resume,
      onNote: () => undefined,
      onWarning: (text) => warnings.push(text),
      onPhase: () => undefined,
      onProgress: () => undefined,
    });
  } finally {
    await executor.close().catch(() => undefined);
    backend.close();
    input.close();
  }
}

function setUp(config: object = tinyConfig): string {
  const root = temporaryFolder();
  mkdirSync(join(root, 'in'));
  writeTinyCheckpoint(join(root, 'in'), config);
  return root;
}

async function withModel<T>(folder: string, use: (model: StoredModel) => Promise<T>): Promise<T> {
  const stored = openModel(folder);
  try {
    return await use(stored);
  } finally {
    stored.close();
  }
}

async function logitsOf(folder: string): Promise<Float32Array> {
  const stored = openModel(folder);
  const backend = openReferenceBackend();
  try {
    const model = await loadModel(stored, backend, { name: 'stored', kind: 'stored' });
    return await model.logits(windows[0]);
  } finally {
    backend.close();
    stored.close();
  }
}

/** ‖a - b‖ / ‖b‖ */
function distance(a: Float32Array, b: Float32Array): number {
  const sum = (values: Float32Array): number => values.reduce((total, value) => total + value * value, 0);
  return Math.sqrt(sum(a.map((value, i) => value - b[i])) / sum(b));
}

describe('convertCalibrated', () => {
  it.each<[string, Partial<Treatment>, number]>([
    // Weights are stored as BF16, with 8 bits: half a step is 2^-9 of a value, and three layers of sums see some.
    ['smoothing', { smoothing: { alpha: 0.5 } }, 0.02],
    ['smoothing by search', { smoothing: { alpha: 'auto' } }, 0.02],
    ['rotation', { rotation: { seed: 1 } }, 0.02],
    ['rotation and smoothing', { rotation: { seed: 1 }, smoothing: { alpha: 0.5 } }, 0.02],
  ])('writes a float checkpoint that computes the same: %s', async (_, treatment, tolerance) => {
    const root = setUp();
    const plain: Treatment = { rotation: undefined, smoothing: undefined, rounding: { kind: 'nearest' } };
    await attempt(root, { mode: 'float', treatment: { ...plain, ...treatment } });
    const [before, after] = [await logitsOf(join(root, 'in')), await logitsOf(join(root, 'out'))];
    expect(distance(after, before)).toBeLessThan(tolerance);
    expect(distance(after, before)).toBeGreaterThan(0);
  });

  it('unties the embedding of a model that it rotates, and says so', async () => {
    const root = setUp();
    await attempt(root);
    expect(readModelConfig(join(root, 'out'))).toMatchObject({ tieWordEmbeddings: false });
    const output = Checkpoint.open(join(root, 'out'));
    expect(output.tensors.get('lm_head.weight')).toMatchObject({ dtype: 'BF16', shape: [40, 64] });
    output.close();
  });

  it('records all that it was asked for', async () => {
    const root = setUp();
    await attempt(root);
    const { recipe } = JSON.parse(readFileSync(join(root, 'out', 'cider.json'), 'utf8')) as { recipe: object };
    expect(recipe).toMatchObject({
      mode: 'w4a8',
      rotation: { seed: 3 },
      smoothing: { alpha: 'auto' },
      rounding: gptq,
      calibration: { data: 'test', samples: 3, seqLen: 12, backend: 'reference' },
    });
  });

  it('loses less than rounding to nearest does', async () => {
    const [treated, plain] = [setUp(), setUp()];
    await attempt(treated);
    await attempt(plain, {
      treatment: { rotation: undefined, smoothing: undefined, rounding: { kind: 'nearest' } },
    });
    const before = await logitsOf(join(treated, 'in'));
    const [less, more] = [await logitsOf(join(treated, 'out')), await logitsOf(join(plain, 'out'))];
    expect(distance(less, before)).toBeLessThan(0.8 * distance(more, before));
  });

  it('leaves layers float that it is told to, and calibrates the others with them', async () => {
    const root = setUp();
    await attempt(root, { ignore: ['lm_head', 'k_proj', 'layers.1.*'] });
    const output = Checkpoint.open(join(root, 'out'));
    const dtypeOf = (module: string): unknown => output.tensors.get(`model.layers.${module}.weight`)?.dtype;
    expect(dtypeOf('0.self_attn.q_proj')).toBe('I8');
    expect(dtypeOf('0.self_attn.k_proj')).toBe('BF16');
    expect(dtypeOf('1.mlp.down_proj')).toBe('BF16');
    output.close();
  });

  it('writes the output layer too if it is to be quantized, to nearest', async () => {
    const root = setUp({ ...smallest, tie_word_embeddings: false });
    await attempt(root, { treatment: { ...quick, rotation: undefined }, ignore: [] });
    const { scales } = await withModel(join(root, 'out'), ({ tensors }) => {
      const codes = tensors.get('lm_head.weight')?.codes;
      if (!codes) throw new Error('a float output layer');
      return Promise.resolve(codes.read());
    });
    expect(Math.min(...scales)).toBeGreaterThan(0);
  });

  it('writes MLX layers, and what stands outside the layers to nearest', async () => {
    const root = setUp(smallest);
    const warnings: string[] = [];
    const request = { mode: 'w4a16', format: 'mlx', quantizeEmbeddings: true, ignore: [], warnings } as const;
    const clip = { kind: 'minmax' } as const;
    await attempt(root, { ...request, clip, treatment: { ...quick, rotation: undefined } });
    expect(warnings).toEqual([]);
    const biasesOf = (module: string) =>
      withModel(join(root, 'out'), ({ tensors }) => {
        const codes = tensors.get(`${module}.weight`)?.codes?.read();
        if (codes?.kind !== 'affine') throw new Error('no affine codes');
        return Promise.resolve(codes.biases.filter((bias, i) => bias !== -8 * codes.scales[i]).length);
      });
    // Methods find symmetric codes; a weight by itself has MLX's own.
    expect(await biasesOf('model.layers.0.mlp.up_proj')).toBe(0);
    expect(await biasesOf('model.embed_tokens')).toBeGreaterThan(0);
  });

  it('rounds to nearest, and warns, where a Hessian has no Cholesky factor', async () => {
    const [failing, plain] = [setUp(), setUp()];
    const algebra: LinearAlgebra = { ...referenceLinearAlgebra, inverseFactor: () => Promise.resolve(3) };
    const rtn: Treatment = { rotation: undefined, smoothing: undefined, rounding: { kind: 'nearest' } };
    const warnings: string[] = [];
    await attempt(failing, { algebra, treatment: { ...rtn, rounding: gptq }, warnings });
    await attempt(plain, { treatment: rtn });
    expect(warnings).toHaveLength(8);
    expect(warnings[3]).toMatch(/^layer 0, mlpOutput: the Hessian has no Cholesky factor/);
    const weights = (root: string): Record<string, string> =>
      Object.fromEntries(
        Object.entries(folderContents(join(root, 'out'))).filter(([name]) => name.endsWith('.safetensors')),
      );
    expect(weights(failing)).toEqual(weights(plain));
  });

  it.each(faults)(
    'survives %s at any file operation, and a resumed run gives the bytes of an undisturbed one',
    async (fault) => {
      const root = setUp(smallest);
      await attempt(root, { treatment: quick });
      const expected = folderContents(join(root, 'out'));
      // A run has some 600 operations: some from each part of it, at other places for each fault.
      for (let at = faults.indexOf(fault), fired = true; fired; at += 37) {
        const other = setUp(smallest);
        const fileSystem = faultyFileSystem(fault, at);
        const error: unknown = await attempt(other, { fileSystem, treatment: quick }).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        fired = fileSystem.fired;
        if (error !== undefined) expect(error).toBeInstanceOf(CiderError);
        if (fault === 'EINTR' || fault === 'short') expect(error).toBeUndefined();
        expect(fileSystem.openFiles, `operation ${at}`).toBe(0);
        if (!existsSync(join(other, 'out'))) await attempt(other, { resume: true, treatment: quick });
        expect(folderContents(join(other, 'out')), `operation ${at}`).toEqual(expected);
        expect(readdirSync(other)).toEqual(['in', 'out']);
      }
    },
  );

  it('goes on with a run only if nothing that decides its bytes has changed', async () => {
    const root = setUp();
    const fileSystem = faultyFileSystem('EIO', 250);
    await expect(attempt(root, { fileSystem })).rejects.toMatchObject({ code: 'E_EIO' });
    await expect(
      attempt(root, { resume: true, treatment: { ...everything, smoothing: { alpha: 0.5 } } }),
    ).rejects.toMatchObject({ code: 'E_RESUME_MISMATCH', message: expect.stringContaining('smoothing') as string });
  });
});
