import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LinearAlgebra } from '../../kernels/linear-algebra.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { referenceLinearAlgebra } from '../../kernels/reference/linear-algebra.ts';
import { Checkpoint } from '../../quant/checkpoint/checkpoint.ts';
import { readModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import type { StoredModel } from '../../quant/checkpoint/stored-model.ts';
import type { GptqRounding, Treatment } from '../../quant/methods/treatment.ts';
import { convertWithCalibration, windows, type CalibratedConversion } from '../../testing/calibrated-conversion.ts';
import { faultyFileSystem } from '../../testing/faulty-file-system.ts';
import { folderContents } from '../../testing/folder-contents.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint } from '../../testing/tiny-checkpoint.ts';
import { loadModel } from '../model/load.ts';

const gptq: GptqRounding = {
  kind: 'gptq',
  damping: 0.01,
  activationOrder: true,
  compensation: 0.5,
  clipWeights: 'diagonal',
  refine: 1,
};
const everything: Treatment = { rotation: { seed: 3 }, smoothing: { alpha: 'auto' }, rounding: gptq };

const attempt = (root: string, options: Partial<CalibratedConversion> = {}): Promise<void> =>
  convertWithCalibration(root, { treatment: everything, ...options });

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

  const quick: Treatment = { rotation: undefined, smoothing: { alpha: 0.5 }, rounding: { ...gptq, refine: 0 } };

  it('writes the output layer too if it is to be quantized, to nearest', async () => {
    const root = setUp({ ...tinyConfig, tie_word_embeddings: false });
    await attempt(root, { treatment: quick, ignore: [] });
    const { scales } = await withModel(join(root, 'out'), ({ tensors }) => {
      const codes = tensors.get('lm_head.weight')?.codes;
      if (!codes) throw new Error('a float output layer');
      return Promise.resolve(codes.read());
    });
    expect(Math.min(...scales)).toBeGreaterThan(0);
  });

  it('writes MLX layers, and what stands outside the layers to nearest', async () => {
    const root = setUp();
    const warnings: string[] = [];
    const request = { mode: 'w4a16', format: 'mlx', quantizeEmbeddings: true, ignore: [], warnings } as const;
    const clip = { kind: 'minmax' } as const;
    await attempt(root, { ...request, clip, treatment: quick });
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

  it('goes on with a run only if nothing that decides its bytes has changed', async () => {
    const root = setUp();
    const fileSystem = faultyFileSystem('EIO', 250);
    await expect(attempt(root, { fileSystem })).rejects.toMatchObject({ code: 'E_EIO' });
    await expect(
      attempt(root, { resume: true, treatment: { ...everything, smoothing: { alpha: 0.5 } } }),
    ).rejects.toMatchObject({ code: 'E_RESUME_MISMATCH', message: expect.stringContaining('smoothing') as string });
  });
});
