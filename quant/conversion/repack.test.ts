import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { narrowBf16 } from '../../kernels/reference/float-formats.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint } from '../../testing/tiny-checkpoint.ts';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import { writeSafetensors, type TensorData } from '../checkpoint/safetensors-writer.ts';
import { convertModel, inspectModel, usualRequest, valuesOf } from './conversion.test.samples.ts';
import type { ConversionRequest } from './prepare.ts';
import { canRepack } from './repack.ts';

/** A float model in `root/float`. */
function setUp(config: object = tinyConfig): string {
  const root = temporaryFolder();
  mkdirSync(join(root, 'float'));
  writeTinyCheckpoint(join(root, 'float'), config);
  return root;
}

const weightsIn = (root: string, name: string): Buffer => readFileSync(join(root, name, 'model.safetensors'));
const up = 'model.layers.0.mlp.up_proj.weight';

/** Scales, codes as signed numbers. */
const codesIn = (root: string, name: string): { codes: number[]; scales: Float32Array } =>
  inspectModel(join(root, name), ({ tensors }) => {
    const found = tensors.get(up)?.codes;
    if (!found) throw new Error(`no codes in ${name}`);
    const read = found.read();
    const zero = read.kind === 'affine' ? 2 ** (found.bits - 1) : 0;
    return { codes: Array.from(read.codes, (code) => code - zero), scales: read.scales };
  });

/** Writes the scales of a checkpoint in BF16, as others keep them. */
function narrowScales(folder: string): void {
  const checkpoint = Checkpoint.open(folder);
  const tensors = [...checkpoint.tensors.values()].map((entry): TensorData => {
    const { name, shape } = entry;
    if (!name.endsWith('.weight_scale')) return { ...entry, data: checkpoint.readBytes(entry) };
    const { buffer } = Uint16Array.from(checkpoint.readFloats(entry), narrowBf16);
    return { name, shape, dtype: 'BF16', data: new Uint8Array(buffer) };
  });
  checkpoint.close();
  writeSafetensors(join(folder, 'model.safetensors'), tensors, { metadata: new Map([['format', 'pt']]) });
}

async function step(root: string, from: string, to: string, edit: Partial<ConversionRequest>): Promise<string[]> {
  const { route, warnings } = await convertModel(join(root, from), join(root, to), edit);
  expect(route).toBe(from === 'float' ? 'bytes' : 'codes');
  return [...warnings];
}

describe('repacking', () => {
  it.each(['w4a16', 'w8a16'] as const)(
    'leads from compressed-tensors to MLX and back, to the byte: %s',
    async (mode) => {
      const root = setUp();
      await step(root, 'float', 'ct', { mode });
      expect(await step(root, 'ct', 'mlx', { mode, format: 'mlx', quantizeEmbeddings: true })).toEqual([]);
      await step(root, 'mlx', 'back', { mode });
      expect(weightsIn(root, 'back').equals(weightsIn(root, 'ct'))).toBe(true);
      expect(readFileSync(join(root, 'back', 'config.json'), 'utf8')).toBe(
        readFileSync(join(root, 'ct', 'config.json'), 'utf8'),
      );
      expect(codesIn(root, 'mlx')).toEqual(codesIn(root, 'ct'));
      const manifest = JSON.parse(readFileSync(join(root, 'mlx', 'cider.json'), 'utf8')) as { recipe: object };
      expect(manifest.recipe).toMatchObject({ repacked: `compressed-tensors: ${mode}, groups of 32`, format: 'mlx' });
    },
  );

  it('keeps scales in the dtype that they have', async () => {
    const root = setUp();
    await step(root, 'float', 'ct', {});
    narrowScales(join(root, 'ct'));
    await step(root, 'ct', 'mlx', { format: 'mlx' });
    inspectModel(join(root, 'mlx'), ({ tensors }) => {
      expect(tensors.get(up)?.dtype).toBe('BF16');
    });
    await step(root, 'mlx', 'back', {});
    expect(weightsIn(root, 'back').equals(weightsIn(root, 'ct'))).toBe(true);
  });

  it('repeats scales of rows for MLX, and merges them again only if rows are asked for', async () => {
    const root = setUp();
    await step(root, 'float', 'rows', { groupSize: 0 });
    await step(root, 'rows', 'mlx', { format: 'mlx' });
    expect(await step(root, 'mlx', 'groups', {})).toEqual([]);
    expect(codesIn(root, 'groups').scales.length).toBe(2 * codesIn(root, 'rows').scales.length);
    expect(codesIn(root, 'groups').codes).toEqual(codesIn(root, 'rows').codes);
    await step(root, 'mlx', 'merged', { groupSize: 0 });
    expect(weightsIn(root, 'merged').equals(weightsIn(root, 'rows'))).toBe(true);
  });

  it('keeps the codes of layers that quantize activations, too', async () => {
    const root = setUp();
    await step(root, 'float', 'integers', { mode: 'w8a8' });
    await step(root, 'integers', 'mlx', { mode: 'w8a16', format: 'mlx' });
    expect(codesIn(root, 'mlx')).toEqual(codesIn(root, 'integers'));
    await step(root, 'mlx', 'back', { mode: 'w8a8' });
    expect(weightsIn(root, 'back').equals(weightsIn(root, 'integers'))).toBe(true);
  });

  it('writes what cannot stay quantized with the values that it had, and says so', async () => {
    const root = setUp();
    const clip = { kind: 'percentile', percentile: 99.9 } as const;
    await step(root, 'float', 'mlx', { format: 'mlx', quantizeEmbeddings: true, clip });
    const warnings = await step(root, 'mlx', 'ct', {});
    expect(warnings).toEqual(['quantized in the input, float in the output: "model.embed_tokens.weight"']);
    const embedding = (name: string): Float32Array =>
      inspectModel(join(root, name), (model) => valuesOf(model, 'model.embed_tokens.weight'));
    expect(embedding('ct')).toEqual(embedding('mlx'));
    expect(codesIn(root, 'ct')).toEqual(codesIn(root, 'mlx'));
  });

  it('is refused where codes would have to change, with the reason', async () => {
    const root = setUp();
    await step(root, 'float', 'mlx', { format: 'mlx' });
    const verdict = (edit: Partial<ConversionRequest>): string =>
      inspectModel(join(root, 'mlx'), (model) => {
        const found = canRepack(model, { ...usualRequest, ...edit });
        return found.possible ? 'possible' : found.why;
      });
    expect(verdict({ format: 'mlx' })).toBe('possible');
    expect(verdict({})).toMatch(/^a scale of -?0\.\d+ has the bias -?0\.\d+; symmetric codes have -8 times a positive/);
    expect(verdict({ format: 'mlx', mode: 'w8a16' })).toBe('its codes have 4 bits, not 8');
    expect(verdict({ format: 'mlx', groupSize: 64, onIndivisible: 'float' })).toBe(
      'its groups of 32 cannot become groups of 64',
    );
    await expect(step(root, 'mlx', 'out', {})).rejects.toMatchObject({
      code: 'E_ALREADY_QUANTIZED',
      message: expect.stringContaining(
        'its codes cannot stay as they are: "model.layers.0.self_attn.q_proj.weight"',
      ) as string,
    });
  });
});
