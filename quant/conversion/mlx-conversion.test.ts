import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint } from '../../testing/tiny-checkpoint.ts';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import { noTreatment } from '../methods/treatment.ts';
import { quantizeAffine } from '../schemes/quantize-affine.ts';
import { convertModel, inspectModel, valuesOf } from './conversion.test.samples.ts';
import type { ConversionRequest } from './prepare.ts';
import { roundScales } from './formats/rounded-scales.ts';

const untied = { ...tinyConfig, tie_word_embeddings: false };

/** Converts `root/in` to `root/out`, in the format of MLX. */
async function convertToMlx(edit: Partial<ConversionRequest> = {}, config: object = tinyConfig): Promise<string> {
  const root = temporaryFolder();
  mkdirSync(join(root, 'in'));
  writeTinyCheckpoint(join(root, 'in'), config);
  await convertModel(join(root, 'in'), join(root, 'out'), { format: 'mlx', quantizeEmbeddings: true, ...edit });
  return root;
}

const configOf = (root: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(root, 'out', 'config.json'), 'utf8')) as Record<string, unknown>;

const down = 'model.layers.1.mlp.down_proj';
const embedding = 'model.embed_tokens';

describe('a conversion to MLX', () => {
  it.each<['w4a16' | 'w8a16', 4 | 8]>([
    ['w4a16', 4],
    ['w8a16', 8],
  ])('has the codes of MLX with scales in the dtype of the weights, embedding and all: %s', async (mode, bits) => {
    const root = await convertToMlx({ mode });
    const names = (path: string): string[] => {
      const checkpoint = Checkpoint.open(path);
      const found = [...checkpoint.tensors.values()].map(({ name, dtype }) => `${name} ${dtype}`);
      expect(checkpoint.files[0].metadata.get('format')).toBe(path.endsWith('out') ? 'mlx' : undefined);
      checkpoint.close();
      return found;
    };
    expect(names(join(root, 'out'))).toEqual(
      expect.arrayContaining([`${down}.weight U32`, `${down}.scales BF16`, `${embedding}.biases BF16`]),
    );
    const quantization = { group_size: 32, bits, mode: 'affine' };
    expect(configOf(root)).toMatchObject({ quantization, quantization_config: quantization });
    const weights = inspectModel(join(root, 'in'), (model) => valuesOf(model, `${down}.weight`));
    inspectModel(join(root, 'out'), (model) => {
      expect(model).toMatchObject({
        format: 'mlx',
        scheme: `MLX affine ${bits} bit, groups of 32`,
        rowName: `mlx-q${bits}-g32`,
        warnings: [],
      });
      const expected = quantizeAffine({ dtype: 'F32', data: weights, rows: 64, columns: 96 }, bits, 32);
      const found = model.tensors.get(`${down}.weight`);
      expect(found).toMatchObject({ dtype: 'BF16', shape: [64, 96], stored: `q${bits} g32` });
      expect(found?.codes?.read()).toEqual({
        kind: 'affine',
        codes: expected.codes,
        scales: roundScales(expected.scales, 'BF16'),
        biases: roundScales(expected.biases, 'BF16'),
      });
      const norm = 'model.norm.weight';
      expect(valuesOf(model, norm)).toEqual(inspectModel(join(root, 'in'), (source) => valuesOf(source, norm)));
    });
  });

  it('is the same in threads and by whole tensors', async () => {
    const [plain, whole] = [await convertToMlx(), await convertToMlx({ treatment: { ...noTreatment } })];
    const [a, b] = [plain, whole].map((root) => readFileSync(join(root, 'out', 'model.safetensors')));
    expect(a.equals(b)).toBe(true);
  });

  it('keeps float what it is told to, and says so', async () => {
    const isFloat = (root: string): string[] =>
      inspectModel(join(root, 'out'), ({ tensors }) =>
        [...tensors.values()].filter(({ codes, shape }) => !codes && shape.length === 2).map(({ name }) => name),
      );
    const root = await convertToMlx({ quantizeEmbeddings: false, ignore: ['lm_head', 'k_proj'] }, untied);
    expect(isFloat(root)).toHaveLength(4);
    expect(configOf(root)['quantization']).toEqual({
      group_size: 32,
      bits: 4,
      mode: 'affine',
      [embedding]: false,
      'model.layers.0.self_attn.k_proj': false,
      'model.layers.1.self_attn.k_proj': false,
      lm_head: false,
    });
    expect(isFloat(await convertToMlx({ ignore: ['lm_head'] }, untied))).toEqual(['lm_head.weight']);
    // A tied embedding is the output layer.
    expect(isFloat(await convertToMlx({ ignore: ['lm_head'] }))).toEqual([`${embedding}.weight`]);
  });

  it('keeps layers float whose K does not divide, or names them', async () => {
    await expect(convertToMlx({ groupSize: 64 })).rejects.toMatchObject({
      code: 'E_INDIVISIBLE_GROUP',
      hint: 'group sizes that fit every layer: 32; --on-indivisible float keeps such layers as they are, as mlx-lm does',
    });
    const root = await convertToMlx({ groupSize: 64, onIndivisible: 'float' });
    expect(configOf(root)['quantization']).toMatchObject({ 'model.layers.0.mlp.down_proj': false, [down]: false });
    inspectModel(join(root, 'out'), ({ tensors }) => {
      expect(tensors.get(`${down}.weight`)?.stored).toBe('BF16');
      expect(tensors.get('model.layers.0.mlp.up_proj.weight')?.stored).toBe('q4 g64');
    });
  });

  it('stores clipped weights as symmetric codes', async () => {
    const root = await convertToMlx({ clip: { kind: 'percentile', percentile: 99 } });
    inspectModel(join(root, 'out'), ({ tensors }) => {
      const found = tensors.get(`${down}.weight`)?.codes?.read();
      if (found?.kind !== 'affine') throw new Error('no affine codes');
      expect(found.biases).toEqual(found.scales.map((scale) => -8 * scale));
    });
  });

  it('says whether embeddings are tied, which mlx-lm assumes otherwise', async () => {
    const root = await convertToMlx({}, { ...tinyConfig, tie_word_embeddings: undefined });
    expect(configOf(root)['tie_word_embeddings']).toBe(false);
  });
});
