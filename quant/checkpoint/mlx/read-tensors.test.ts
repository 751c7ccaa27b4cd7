import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../testing/temporary-folder.ts';
import { tinyConfig } from '../../../testing/tiny-checkpoint.ts';
import { modelTensors } from '../architecture.ts';
import { Checkpoint } from '../checkpoint.ts';
import type { Dtype } from '../dtypes.ts';
import { readModelConfig } from '../hf-config.ts';
import { writeSafetensors } from '../safetensors-writer.ts';
import { tensorBytes } from '../tensor-size.ts';
import { wordsOf } from '../bit-stream.ts';
import { readMlxTensors, type MlxTensors } from './read-tensors.ts';
import type { MlxScheme } from './scheme.ts';

type Tensors = Map<string, { dtype: Dtype; shape: readonly number[] }>;

const main: MlxScheme = { mode: 'affine', bits: 4, groupSize: 32 };
const head = 'lm_head';
const down = 'model.layers.0.mlp.down_proj';

/** Reads a model whose tensors are all zeros. */
function read(
  quantization: object,
  schemeOf: (module: string) => MlxScheme | undefined,
  edit: (tensors: Tensors) => void = () => undefined,
): MlxTensors {
  const folder = join(temporaryFolder(), 'model');
  mkdirSync(folder);
  const config = { ...tinyConfig, tie_word_embeddings: false, quantization, quantization_config: quantization };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const parsed = readModelConfig(folder);
  const tensors: Tensors = new Map();
  for (const { name, module, shape, role } of modelTensors(parsed)) {
    const scheme = role === 'norm' ? undefined : schemeOf(module);
    if (!scheme) {
      tensors.set(name, { dtype: 'BF16', shape });
      continue;
    }
    const { mode, bits, groupSize } = scheme;
    const groups = [shape[0], shape[1] / groupSize];
    tensors.set(`${module}.weight`, { dtype: 'U32', shape: [shape[0], wordsOf('dense', shape[1], bits)] });
    tensors.set(`${module}.scales`, { dtype: mode === 'affine' ? 'BF16' : 'U8', shape: groups });
    if (mode === 'affine') tensors.set(`${module}.biases`, { dtype: 'BF16', shape: groups });
  }
  edit(tensors);
  const entries = [...tensors].map(([name, tensor]) => {
    const spec = { name, ...tensor };
    return { ...spec, data: new Uint8Array(tensorBytes(spec, 'test')) };
  });
  writeSafetensors(join(folder, 'model.safetensors'), entries);
  const checkpoint = Checkpoint.open(folder);
  try {
    return readMlxTensors(checkpoint, parsed);
  } finally {
    checkpoint.close();
  }
}

const usual = { group_size: 32, bits: 4 };
const disagreement = (message: string): object =>
  expect.objectContaining({ code: 'E_MLX_SCHEME', message: expect.stringContaining(message) as string }) as object;

describe('readMlxTensors', () => {
  it('finds the tensors of the float layout, in its order', () => {
    const { tensors, scheme, rowName, warnings } = read(usual, () => main);
    expect({ scheme, rowName, warnings }).toEqual({
      scheme: 'MLX affine 4 bit, groups of 32',
      rowName: 'mlx-q4-g32',
      warnings: [],
    });
    expect(tensors.size).toBe(2 * 11 + 3);
    expect([...tensors.keys()].slice(0, 2)).toEqual([
      'model.embed_tokens.weight',
      'model.layers.0.input_layernorm.weight',
    ]);
    // 4 bits a code, a scale and a bias of 2 bytes each in 32.
    expect(tensors.get(`${down}.weight`)).toMatchObject({
      shape: [64, 96],
      stored: 'q4 g32',
      bytes: 64 * 96 * 0.5 + 64 * 3 * 4,
      codes: { kind: 'affine', bits: 4, groupSize: 32, exact: false, quantizesActivations: false },
    });
    expect(tensors.get('model.norm.weight')).toMatchObject({ stored: 'BF16', codes: undefined });
  });

  it('reads modules that have a scheme of their own, or none', () => {
    const schemes = new Map<string, MlxScheme | undefined>([
      [head, undefined],
      [down, { mode: 'affine', bits: 3, groupSize: 32 }],
      ['model.embed_tokens', { mode: 'mxfp8', bits: 8, groupSize: 32 }],
    ]);
    const { tensors, scheme, rowName } = read(
      {
        ...usual,
        [head]: false,
        [down]: { bits: 3, group_size: 32 },
        'model.embed_tokens': { mode: 'mxfp8' },
        'vision.proj': { bits: 8 },
      },
      (module) => (schemes.has(module) ? schemes.get(module) : main),
    );
    expect(scheme).toBe('MLX affine 4 bit, groups of 32, 2 modules otherwise');
    expect(rowName).toBe('mlx-q4-g32-mixed');
    expect(tensors.get(`${head}.weight`)?.stored).toBe('BF16');
    expect(tensors.get(`${down}.weight`)?.stored).toBe('q3 g32');
    expect(tensors.get('model.embed_tokens.weight')).toMatchObject({
      stored: 'mxfp8',
      dtype: 'BF16',
      codes: undefined,
    });
  });

  it('warns about what has no use', () => {
    const { warnings } = read(
      { ...usual, 'vision.proj': { bits: 8 }, rest: false },
      () => main,
      (tensors) => {
        tensors.set('rope.scales', { dtype: 'BF16', shape: [1] });
      },
    );
    expect(warnings).toEqual([
      'tensors without a use in a qwen3 model: "rope.scales"',
      'quantization in config.json names modules that the model does not have: "vision.proj"',
    ]);
  });

  it('refuses tensors and a config.json that disagree', () => {
    const floatHead = (module: string): MlxScheme | undefined => (module === head ? undefined : main);
    expect(() => read({ ...usual, [head]: usual }, floatHead)).toThrow(disagreement('"lm_head.scales" is missing'));
    expect(() => read({ ...usual, [head]: false }, () => main)).toThrow(disagreement('but the module has scales'));
    expect(() => read(usual, () => undefined)).toThrow(disagreement('no module has scales'));
    expect(() =>
      read(
        usual,
        () => main,
        (tensors) => tensors.delete(`${down}.scales`),
      ),
    ).toThrow(disagreement('it is U32, but tensor'));
    const nvfp4 = { mode: 'nvfp4', bits: 4, groupSize: 16 } as const;
    expect(() =>
      read({ ...usual, mode: 'nvfp4', group_size: 16, [down]: { mode: 'nvfp4', global_scale: true } }, () => nvfp4),
    ).toThrow(disagreement('global_scale" is missing'));
    expect(() => read({ group_size: 32, bits: 8 }, () => main)).toThrow(
      'expected [40, 16] (affine 8 bit, groups of 32)',
    );
    expect(() => read({ group_size: 64, bits: 4 }, () => main)).toThrow(
      'expected [40, 1] (affine 4 bit, groups of 64)',
    );
  });

  it('refuses what a model of the configuration does not have', () => {
    expect(() =>
      read(
        usual,
        () => main,
        (tensors) => tensors.delete('model.norm.weight'),
      ),
    ).toThrow('qwen3 with 2 layers lacks "model.norm.weight"');
    expect(() =>
      read(
        usual,
        () => main,
        (tensors) => tensors.set('model.norm.weight', { dtype: 'BF16', shape: [65] }),
      ),
    ).toThrow('has the shape [65], expected [64]');
  });
});
