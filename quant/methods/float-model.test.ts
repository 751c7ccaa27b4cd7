import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint, type Edit } from '../../testing/tiny-checkpoint.ts';
import { modelTensors } from '../checkpoint/architecture.ts';
import { openModel } from '../checkpoint/open-model.ts';
import type { StoredModel } from '../checkpoint/stored-model.ts';
import { storedFloatModel, type FloatModel } from './float-model.ts';

/** Opens a tiny checkpoint as a model, with its config read as `reconfigure` says. */
async function withModel(
  use: (model: FloatModel, stored: StoredModel) => Promise<void>,
  options: { config?: object; edit?: Edit } = {},
): Promise<void> {
  const folder = temporaryFolder();
  writeTinyCheckpoint(folder, options.config ?? tinyConfig, options.edit);
  const stored = openModel(folder);
  try {
    await use(storedFloatModel(stored), stored);
  } finally {
    stored.close();
  }
}

describe('storedFloatModel', () => {
  it('reads every tensor, widened', async () => {
    await withModel(async (model, { checkpoint }) => {
      for (const { name } of modelTensors(model.config)) {
        const entry = checkpoint?.tensors.get(name);
        expect(entry && checkpoint?.readFloats(entry)).toEqual(await model.read(name));
      }
    });
  });

  it('has no head where that is tied to the embedding', async () => {
    await withModel(async (model) => {
      await expect(model.read('lm_head.weight')).rejects.toThrow(RangeError);
      await expect(model.read('nothing')).rejects.toThrow(RangeError);
    });
    await withModel(
      async (model) => {
        expect(await model.read('lm_head.weight')).toHaveLength(40 * 64);
      },
      { config: { ...tinyConfig, tie_word_embeddings: false } },
    );
  });

  it.each([
    [0x7fc0, 'NaN'],
    [0xff80, '-Infinity'],
  ])('names tensor and index of a weight %i that is %s', async (pattern, value) => {
    const name = 'model.layers.1.mlp.down_proj.weight';
    const edit: Edit = (tensor, values) => {
      if (tensor === name) values[96 * 3 + 5] = pattern;
    };
    await withModel(
      async (model) => {
        await expect(model.read(name)).rejects.toMatchObject({
          code: 'E_NON_FINITE_WEIGHT',
          message: `model.safetensors: tensor "${name}" holds ${value} at [3, 5]`,
        });
      },
      { edit },
    );
  });
});
