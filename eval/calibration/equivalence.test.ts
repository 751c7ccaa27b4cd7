import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { referenceLinearAlgebra as algebra } from '../../kernels/reference/linear-algebra.ts';
import { modelTensors } from '../../quant/checkpoint/architecture.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import type { FloatModel } from '../../quant/methods/float-model.ts';
import { rotatedModel } from '../../quant/methods/rotation.ts';
import { smoothedModel } from '../../quant/methods/smoothed-model.ts';
import type { LayerSmoothing, Smoothing } from '../../quant/methods/smoothing.ts';
import { uniformNumbers } from '../../testing/random-arrays.ts';
import { modelOf, randomModel, smallConfig } from '../../testing/random-model.ts';
import { loadFloatModel } from './load-float-model.ts';

/**
 * Largest difference of a logit, relative to the largest of its position. A layer rounds its activations to f32 some ten
 * times, and every weight of the transformed model is rounded once more; two layers of both models come to some 50
 * roundings of 2^-24 = 6e-8, or 3e-6, which norms of small rows and the softmax may magnify.
 */
const TOLERANCE = 5e-5;

const tokenIds = Int32Array.of(3, 14, 15, 9, 2, 6, 5);

async function logitsOf(model: FloatModel): Promise<Float32Array> {
  const backend = openReferenceBackend();
  try {
    return await (await loadFloatModel(model, backend)).logits(tokenIds);
  } finally {
    backend.close();
  }
}

/** max over positions of max |actual - expected| / max |expected|; infinite if anything is not finite. */
function relativeDifference(actual: Float32Array, expected: Float32Array): number {
  expect(actual).toHaveLength(expected.length);
  const columns = expected.length / tokenIds.length;
  const worst = Array.from(tokenIds, (_, position) => {
    const row = expected.subarray(position * columns, (position + 1) * columns);
    const errors = row.map((logit, i) => Math.abs(actual[position * columns + i] - logit));
    return Math.max(...errors) / Math.max(...row.map(Math.abs));
  });
  return worst.every((value) => Number.isFinite(value)) ? Math.max(...worst) : Infinity;
}

const families: [string, Record<string, unknown>][] = [
  ['llama', {}],
  ['llama with biases and a tied head', { attention_bias: true, mlp_bias: true, tie_word_embeddings: true }],
  ['mistral', { model_type: 'mistral', sliding_window: 4 }],
  ['qwen2', { model_type: 'qwen2', tie_word_embeddings: true }],
  ['qwen3', { model_type: 'qwen3', tie_word_embeddings: true }],
  ['qwen3 with biases', { model_type: 'qwen3', attention_bias: true }],
];
const gemmas: [string, Record<string, unknown>][] = [
  ['gemma2', { model_type: 'gemma2', attention_bias: true }],
  ['gemma3', { model_type: 'gemma3_text', tie_word_embeddings: false }],
];

/** Hidden sizes and head dimensions of a Hadamard matrix, by itself or by Paley's, and of none. */
const shapes = fc
  .record({
    hidden_size: fc.constantFrom(14, 16, 20, 22, 24, 36, 40),
    intermediate_size: fc.integer({ min: 1, max: 50 }),
    num_hidden_layers: fc.constantFrom(1, 2),
    head_dim: fc.constantFrom(2, 4, 6, 12, 14),
    num_key_value_heads: fc.constantFrom(1, 2, 3),
    groups: fc.constantFrom(1, 2, 3),
  })
  .map(({ groups, ...shape }) => ({ ...shape, num_attention_heads: shape.num_key_value_heads * groups }));
const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

/** Factors whose logarithms are uniform over more than two orders of magnitude. */
function randomSmoothing(config: ModelConfig, seed: number): Smoothing {
  const random = uniformNumbers(seed);
  const factors = (length: number): Float32Array => Float32Array.from({ length }, () => 2 ** (8 * random() - 4));
  return Array.from({ length: config.layers }, (): LayerSmoothing => ({
    attentionInput: factors(config.hiddenSize),
    attentionOutput: factors(config.kvHeads * config.headDim),
    mlpInput: factors(config.hiddenSize),
    mlpOutput: factors(config.intermediateSize),
  }));
}

const gainDtypes = fc.constantFrom('F32' as const, 'F16' as const, 'BF16' as const);

const RUNS = { numRuns: 25 };

describe.each([...families, ...gemmas])('smoothing keeps the logits of %s', (_, family) => {
  it('with any factors, and gains rounded to any dtype', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, seeds, gainDtypes, async (shape, seed, gainDtype) => {
        const model = randomModel(smallConfig({ ...shape, ...family }), seed);
        const smoothed = smoothedModel(model, randomSmoothing(model.config, seed), { gainDtype });
        expect(relativeDifference(await logitsOf(smoothed), await logitsOf(model))).toBeLessThan(TOLERANCE);
      }),
      RUNS,
    );
  });
});

describe.each(families)('rotation keeps the logits of %s', (_, family) => {
  it('by itself and before smoothing', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, seeds, async (shape, seed) => {
        const model = randomModel(smallConfig({ ...shape, ...family }), seed);
        const rotated = await rotatedModel(model, { seed, algebra });
        const expected = await logitsOf(model);
        expect(relativeDifference(await logitsOf(rotated), expected)).toBeLessThan(TOLERANCE);
        const both = smoothedModel(rotated, randomSmoothing(model.config, seed), { gainDtype: 'BF16' });
        expect(relativeDifference(await logitsOf(both), expected)).toBeLessThan(TOLERANCE);
      }),
      RUNS,
    );
  });
});

/** A transformation with any tensor left as it was must differ by far, or the tests above would prove nothing of it. */
describe('logits notice every tensor that is not transformed', () => {
  const biased = smallConfig({ attention_bias: true, mlp_bias: true, tie_word_embeddings: true });
  const unchangedBySmoothing = /embed|model\.norm|(q_proj|k_proj|o_proj|gate_proj|down_proj)\.bias/;
  const unchangedByRotation = /(q_proj|k_proj|gate_proj|up_proj)\.bias/;

  it.each<[string, (model: FloatModel) => FloatModel | Promise<FloatModel>, RegExp]>([
    [
      'smoothing',
      (model) => smoothedModel(model, randomSmoothing(biased, 1), { gainDtype: 'F32' }),
      unchangedBySmoothing,
    ],
    ['rotation', (model) => rotatedModel(model, { seed: 1, algebra }), unchangedByRotation],
  ])('%s', async (_, transform, unchanged) => {
    const model = randomModel(biased, 5);
    const transformed = await transform(model);
    const expected = await logitsOf(model);
    const names = modelTensors(transformed.config).map(({ name }) => name);
    for (const name of names) {
      const original = await model.read(name === 'lm_head.weight' ? 'model.embed_tokens.weight' : name);
      const tensors = new Map<string, Float32Array>();
      for (const each of names) tensors.set(each, each === name ? original : await transformed.read(each));
      const difference = relativeDifference(await logitsOf(modelOf(transformed.config, tensors)), expected);
      if (unchanged.test(name)) expect([name, difference]).toEqual([name, expect.closeTo(0, 4)]);
      else expect([name, difference > 100 * TOLERANCE]).toEqual([name, true]);
    }
  });
});

describe('smoothing with factors of 1', () => {
  it.each([...families, ...gemmas])('changes no bit of %s', async (_, family) => {
    const config = smallConfig(family);
    const model = randomModel(config, 3);
    const ones = (length: number): Float32Array => new Float32Array(length).fill(1);
    const smoothing = Array.from({ length: config.layers }, () => ({
      attentionInput: ones(config.hiddenSize),
      attentionOutput: ones(config.kvHeads * config.headDim),
      mlpInput: ones(config.hiddenSize),
      mlpOutput: ones(config.intermediateSize),
    }));
    const smoothed = smoothedModel(model, smoothing, { gainDtype: 'F32' });
    for (const { name } of modelTensors(config)) expect(await smoothed.read(name)).toEqual(await model.read(name));
  });
});
