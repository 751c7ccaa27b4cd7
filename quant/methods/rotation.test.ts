import { describe, expect, it } from 'vitest';
import { matrix } from '../../kernels/linear-algebra.ts';
import { referenceLinearAlgebra as algebra } from '../../kernels/reference/linear-algebra.ts';
import { randomModel, smallConfig } from '../../testing/random-model.ts';
import { modelTensors } from '../checkpoint/architecture.ts';
import { UsageError } from '../errors.ts';
import { checkRotatable, residualRotation, rotatedModel } from './rotation.ts';

const options = { seed: 11, algebra };

/** Sum of squares. */
const energy = (values: Float32Array): number => values.reduce((sum, value) => sum + value * value, 0);

describe('checkRotatable', () => {
  it.each(['gemma2', 'gemma3_text'])('names the norm that blocks the rotation of %s', async (model_type) => {
    const config = smallConfig({ model_type });
    const check = (): void => {
      checkRotatable(config);
    };
    expect(check).toThrow(UsageError);
    expect(check).toThrow(
      expect.objectContaining({
        code: 'E_NOT_ROTATABLE',
        message: expect.stringContaining('post_attention_layernorm') as string,
      }),
    );
    await expect(rotatedModel(randomModel(config, 1), options)).rejects.toThrow(UsageError);
  });

  it.each(['llama', 'mistral', 'qwen2', 'qwen3'])('lets %s pass', (model_type) => {
    expect(() => {
      checkRotatable(smallConfig({ model_type }));
    }).not.toThrow();
  });
});

describe('rotatedModel', () => {
  it('has a head of its own, gains of 1, and tensors of the shapes that its config says', async () => {
    const model = randomModel(smallConfig({ model_type: 'qwen3', tie_word_embeddings: true }), 1);
    const rotated = await rotatedModel(model, options);
    expect(rotated.config.tieWordEmbeddings).toBe(false);
    expect(model.config.tieWordEmbeddings).toBe(true);
    const tensors = modelTensors(rotated.config);
    expect(tensors.map(({ name }) => name)).toContain('lm_head.weight');
    for (const { name, role, shape } of tensors) {
      const values = await rotated.read(name);
      expect(values).toHaveLength(shape.reduce((product, length) => product * length, 1));
      if (/q_norm|k_norm/.test(name)) expect(values).toEqual(await model.read(name));
      else if (role === 'norm') expect(values.every((gain) => gain === 1)).toBe(true);
    }
    await expect(rotated.read('model.layers.2.mlp.up_proj.weight')).rejects.toThrow(RangeError);
  });

  it('is the same for a seed, and another for another', async () => {
    const model = randomModel(smallConfig(), 1);
    const [first, again, other] = await Promise.all([11, 11, 12].map((seed) => rotatedModel(model, { seed, algebra })));
    for (const { name, role } of modelTensors(model.config)) {
      const values = await first.read(name);
      expect(await again.read(name)).toEqual(values);
      if (role !== 'norm') expect(await other.read(name)).not.toEqual(values);
    }
  });

  it('rotates values of each layer and key-value head by a matrix of its own', async () => {
    const config = smallConfig({ attention_bias: true });
    const model = randomModel(config, 1);
    const { headDim } = config;
    const values = new Float32Array(config.kvHeads * headDim);
    // The first channel of each head, so that the biases are the first rows of the matrices.
    for (let head = 0; head < config.kvHeads; head++) values[head * headDim] = 1;
    const read = (name: string): Promise<Float32Array> =>
      name.endsWith('v_proj.bias') ? Promise.resolve(values.slice()) : model.read(name);
    const rotated = await rotatedModel({ config, read }, options);
    const rows = await Promise.all(
      [0, 1].map(async (layer) => {
        const bias = await rotated.read(`model.layers.${layer}.self_attn.v_proj.bias`);
        return [bias.slice(0, headDim), bias.slice(headDim)];
      }),
    );
    const all = rows.flat();
    expect(new Set(all.map(String)).size).toBe(4);
    for (const row of all) expect(energy(row)).toBeCloseTo(1, 6);
  });

  it('has an embedding that residualRotation takes back, in bands or in one piece', async () => {
    // More rows than one band holds.
    const config = smallConfig({ vocab_size: 60_000 });
    const model = randomModel(config, 1);
    const original = await model.read('model.embed_tokens.weight');
    const rotated = await (await rotatedModel(model, options)).read('model.embed_tokens.weight');
    expect(energy(rotated) / energy(original)).toBeCloseTo(1, 6);
    const undone = matrix(Float64Array.from(rotated), config.vocabSize, config.hiddenSize);
    await (await residualRotation(config, options)).undo(undone);
    const difference = undone.data.reduce((largest, value, i) => Math.max(largest, Math.abs(value - original[i])), 0);
    // One rounding to f32 of numbers up to 2.
    expect(difference).toBeLessThan(2 ** -22);
  });
});
