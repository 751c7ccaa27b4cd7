import { describe, expect, it } from 'vitest';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { modelTensors } from '../../quant/checkpoint/architecture.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import { storedFloatModel } from '../../quant/methods/float-model.ts';
import { randomModel, smallConfig } from '../../testing/random-model.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint } from '../../testing/tiny-checkpoint.ts';
import { parseConfiguration } from '../model/configurations.ts';
import { loadModel } from '../model/load.ts';
import { loadFloatModel } from './load-float-model.ts';

const tokenIds = Int32Array.from({ length: 12 }, (_, i) => (i * 7) % 40);

describe('loadFloatModel', () => {
  it.each([
    ['qwen3', 'Qwen3ForCausalLM', true],
    ['qwen2', 'Qwen2ForCausalLM', false],
    ['gemma2', 'Gemma2ForCausalLM', true],
  ])('computes what the checkpoint of a %s does', async (model_type, architecture, tied) => {
    const folder = temporaryFolder();
    writeTinyCheckpoint(folder, {
      ...tinyConfig,
      model_type,
      architectures: [architecture],
      tie_word_embeddings: tied,
    });
    const model = openModel(folder);
    const backend = openReferenceBackend();
    try {
      const stored = await loadModel(model, backend, parseConfiguration('fp16'));
      const loaded = await loadFloatModel(storedFloatModel(model), backend);
      expect(await loaded.logits(tokenIds)).toEqual(await stored.logits(tokenIds));
      const elements = modelTensors(model.config).map(({ shape }) =>
        shape.reduce((product, length) => product * length, 1),
      );
      expect(loaded.modelBytes).toBe(4 * elements.reduce((sum, count) => sum + count, 0));
    } finally {
      backend.close();
      model.close();
    }
  });

  it('gives back what it had loaded when a tensor cannot be read', async () => {
    const inner = openReferenceBackend();
    const held = new Set<object>();
    const watch = <Handle extends object>(handle: Handle): Handle => {
      held.add(handle);
      return handle;
    };
    const backend = {
      ...inner,
      upload: (rows: number, columns: number, values: Float32Array) => watch(inner.upload(rows, columns, values)),
      loadWeight: (source: Parameters<typeof inner.loadWeight>[0]) => watch(inner.loadWeight(source)),
      release: (handle: Parameters<typeof inner.release>[0]) => {
        held.delete(handle);
        inner.release(handle);
      },
    };
    const model = randomModel(smallConfig(), 1);
    const read = (name: string): Promise<Float32Array> => {
      if (name !== 'model.layers.1.mlp.up_proj.weight') return model.read(name);
      expect(held.size).toBeGreaterThan(0);
      return Promise.reject(new Error('unreadable'));
    };
    await expect(loadFloatModel({ config: model.config, read }, backend)).rejects.toThrow('unreadable');
    expect(held.size).toBe(0);
    inner.close();
  });
});
