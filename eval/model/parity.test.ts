import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { narrowBf16, narrowF16 } from '../../kernels/reference/float-formats.ts';
import { openNativeBackend } from '../../kernels/native/backend.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import type { RopeConfig } from '../../quant/checkpoint/rope-config.ts';
import { writeSafetensors } from '../../quant/checkpoint/safetensors-writer.ts';
import { goldenTensor } from '../../testing/golden-weights.ts';
import { nativeLibraryForTests } from '../../testing/native-library.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { parseConfiguration } from './configurations.ts';
import { loadModel } from './load.ts';
import type { DecoderModel } from './model.ts';

/** What fixtures/golden/make_golden.py writes: a tiny model by its config, and its logits by transformers in float32. */
interface Golden {
  exercises: string;
  /** As transformers 5 writes it, and as transformers 4 did. */
  configs: [object, object];
  tensors: Record<string, number[]>;
  tokenIds: number[];
  /** Little-endian f32 `[positions, vocabulary]` in base64. */
  logits: string;
}

type FloatDtype = 'F32' | 'F16' | 'BF16';

/**
 * Largest difference of a logit, relative to the largest logit of its position. Both sides compute in f32 and are some
 * 1e-6 from the same computation in f64; a wrong formula shows as 1e-2 or more (below).
 */
const TOLERANCE = 2e-4;

const goldenFolder = new URL('../../../fixtures/golden/', import.meta.url);
const goldenNames = readdirSync(goldenFolder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => basename(file, '.json'));

const readGolden = (name: string): Golden =>
  JSON.parse(readFileSync(new URL(`${name}.json`, goldenFolder), 'utf8')) as Golden;

function goldenLogits({ logits }: Golden): Float32Array {
  const bytes = new Uint8Array(Buffer.from(logits, 'base64'));
  return new Float32Array(bytes.buffer);
}

const narrow = { F16: narrowF16, BF16: narrowBf16 };

const elementsOf = (values: Float32Array, dtype: FloatDtype): Uint8Array =>
  new Uint8Array(dtype === 'F32' ? values.buffer : Uint16Array.from(values, narrow[dtype]).buffer);

const library = nativeLibraryForTests();

interface Variant {
  /** An instruction set of the native library; without it the reference computes. */
  isa?: string;
  config?: object;
  dtype?: FloatDtype;
  /** Other values for a tensor than the golden's own. */
  replace?: (name: string, values: Float32Array) => Float32Array;
  /** Another reading of the config. */
  reconfigure?: (config: ModelConfig) => ModelConfig;
}

/** Writes the golden's checkpoint and opens it as a user's would be. */
async function withModel<Result>(
  golden: Golden,
  variant: Variant,
  use: (model: DecoderModel) => Promise<Result>,
): Promise<Result> {
  const { config = golden.configs[0], dtype = 'F32' } = variant;
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const tensors = Object.entries(golden.tensors).map(([name, shape]) => {
    const values = goldenTensor(
      name,
      shape.reduce((product, length) => product * length, 1),
    );
    return { name, dtype, shape, data: elementsOf(variant.replace?.(name, values) ?? values, dtype) };
  });
  writeSafetensors(join(folder, 'model.safetensors'), tensors);

  const stored = openModel(folder);
  const backend = library && variant.isa ? openNativeBackend(library, { isa: variant.isa }) : openReferenceBackend();
  try {
    const written = stored.config;
    const modelConfig = variant.reconfigure?.(written) ?? written;
    const model = await loadModel({ ...stored, config: modelConfig }, backend, parseConfiguration('fp16'));
    return await use(model);
  } finally {
    backend.close();
    stored.close();
  }
}

/** Largest difference of all logits. */
function difference(golden: Golden, variant: Variant = {}): Promise<number> {
  return withModel(golden, variant, async (model) => {
    return relativeDifference(await model.logits(Int32Array.from(golden.tokenIds)), goldenLogits(golden), model.config);
  });
}

/** By row of logits: that of each target, and the logarithm of the sum of all exponentials. */
function logLikelihoods(logits: Float32Array, targets: Int32Array, { vocabSize }: ModelConfig): Float64Array {
  return Float64Array.from(targets, (target, row) => {
    const values = logits.subarray(row * vocabSize, (row + 1) * vocabSize);
    return values[target] - Math.log(values.reduce((sum, logit) => sum + Math.exp(logit), 0));
  });
}

/** max over positions of max |actual - expected| / max |expected|; infinite if anything is not finite. */
function relativeDifference(actual: Float32Array, expected: Float32Array, { vocabSize }: ModelConfig): number {
  expect(actual).toHaveLength(expected.length);
  let worst = 0;
  for (let start = 0; start < expected.length; start += vocabSize) {
    const row = expected.subarray(start, start + vocabSize);
    const scale = row.reduce((largest, logit) => Math.max(largest, Math.abs(logit)), 0);
    const error = row.reduce((largest, logit, i) => Math.max(largest, Math.abs(actual[start + i] - logit)), 0);
    worst = Math.max(worst, Number.isFinite(error) ? error / scale : Infinity);
  }
  return worst;
}

describe.each(goldenNames)('logits of %s equal those of transformers', (name) => {
  const golden = readGolden(name);

  it.each<FloatDtype>(['F32', 'F16', 'BF16'])(`${golden.exercises}, in %s`, async (dtype) => {
    expect(await difference(golden, { dtype })).toBeLessThan(TOLERANCE);
  });

  it('by the config that transformers 4 would write', async () => {
    expect(await difference(golden, { config: golden.configs[1] })).toBeLessThan(TOLERANCE);
  });

  it('in a sequence that grows, and in the likelihoods of its tokens', async () => {
    const [tokenIds, expected] = [Int32Array.from(golden.tokenIds), goldenLogits(golden)];
    await withModel(golden, {}, async (model) => {
      const { vocabSize } = model.config;
      const sequence = model.startSequence(tokenIds.length);
      await sequence.prefill(tokenIds.subarray(0, 20));
      for (let position = 20; position < tokenIds.length; position++) {
        const row = expected.subarray(position * vocabSize, (position + 1) * vocabSize);
        const logits = await sequence.decodeStep(tokenIds[position]);
        expect(relativeDifference(logits, row, model.config)).toBeLessThan(TOLERANCE);
      }
      const losses = await model.negativeLogLikelihood(tokenIds);
      const largest = expected.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
      logLikelihoods(expected, tokenIds.subarray(1), model.config).forEach((likelihood, i) => {
        // The logit of the target and those of the sum.
        expect(Math.abs(losses[i] + likelihood)).toBeLessThan(2 * TOLERANCE * largest);
      });
    });
  });

  it.each(library?.isas('cpu') ?? [])('by the native library on %s', async (isa) => {
    expect(await difference(golden, { isa })).toBeLessThan(TOLERANCE);
    expect(await difference(golden, { isa, dtype: 'BF16' })).toBeLessThan(TOLERANCE);
  });
});

/** What a formula left out would change: each golden must tell the difference by far. */
describe('a golden notices', () => {
  const withoutTensors = (pattern: RegExp, neutral: number): Variant => ({
    replace: (name, values) => (pattern.test(name) ? values.fill(neutral) : values),
  });
  const changed = (change: (config: ModelConfig) => Partial<ModelConfig>): Variant => ({
    reconfigure: (config) => ({ ...config, ...change(config) }),
  });
  const withoutScaling = changed(({ rope }) => {
    const unscaled: RopeConfig = { ...rope, scaling: { kind: 'none' } };
    return { rope: unscaled, slidingRope: unscaled };
  });
  const widerWindow = changed(({ slidingWindow }) => ({
    slidingWindow: slidingWindow.map((window) => window && window + 1),
  }));
  const shiftedWindows = changed(({ slidingWindow }) => ({ slidingWindow: slidingWindow.toReversed() }));

  it.each<[string, string, Variant]>([
    ['llama3 scaling', 'llama-rope-llama3', withoutScaling],
    ['linear scaling', 'llama-rope-linear-biases', withoutScaling],
    ['yarn scaling', 'qwen3-rope-yarn', withoutScaling],
    ['tuned yarn scaling', 'qwen3-rope-yarn-tuned', withoutScaling],
    ['one position more in the window', 'mistral-sliding-window', widerWindow],
    ['one position more in the window of some layers', 'qwen3-sliding-layers', widerWindow],
    ['biases of the attention', 'llama-rope-linear-biases', withoutTensors(/self_attn.*\.bias$/, 0)],
    ['biases of the MLP', 'llama-rope-linear-biases', withoutTensors(/mlp.*\.bias$/, 0)],
    ['biases of q', 'qwen2-tied', withoutTensors(/q_proj\.bias$/, 0)],
    ['the norm of q', 'qwen3-tied', withoutTensors(/q_norm\.weight$/, 1)],
    ['the norm of k', 'qwen3-tied', withoutTensors(/k_norm\.weight$/, 1)],
    ['gains that lack 1', 'gemma2-soft-caps', changed(() => ({ gainOffset: 0 }))],
    ['the scale of the embedding', 'gemma2-soft-caps', changed(() => ({ embeddingScale: 1 }))],
    ['the scale of the scores', 'gemma2-soft-caps', changed(({ headDim }) => ({ attentionScale: headDim ** -0.5 }))],
    ['the cap of the scores', 'gemma2-soft-caps', changed(() => ({ attentionSoftCap: undefined }))],
    ['the cap of the logits', 'gemma2-soft-caps', changed(() => ({ logitSoftCap: undefined }))],
    ['GELU', 'gemma2-soft-caps', changed(() => ({ activation: 'silu' }))],
    ['one position more in the window of some layers', 'gemma2-soft-caps', widerWindow],
    ['windows in every other layer, from the first', 'gemma2-soft-caps', shiftedWindows],
    ['norms on the outputs of the attention', 'gemma2-soft-caps', withoutTensors(/post_attention_layernorm/, 0)],
    ['norms on the inputs of the MLP', 'gemma2-soft-caps', withoutTensors(/pre_feedforward_layernorm/, 0)],
    ['norms on the outputs of the MLP', 'gemma2-soft-caps', withoutTensors(/post_feedforward_layernorm/, 0)],
    ['biases of the attention', 'gemma2-plain', withoutTensors(/self_attn.*\.bias$/, 0)],
    ['a base for layers with a window', 'gemma3-local-global', changed(({ rope }) => ({ slidingRope: rope }))],
    ['a base for layers without one', 'gemma3-local-global', changed(({ slidingRope }) => ({ rope: slidingRope }))],
    [
      'linear scaling in layers without a window only',
      'gemma3-local-global',
      changed(({ rope, slidingRope }) => ({ slidingRope: { ...slidingRope, scaling: rope.scaling } })),
    ],
    ['windows in all but the last layer', 'gemma3-local-global', shiftedWindows],
    ['the norm of q', 'gemma3-local-global', withoutTensors(/q_norm\.weight$/, 0)],
    ['the norm of k', 'gemma3-local-global', withoutTensors(/k_norm\.weight$/, 0)],
    ['gains that lack 1', 'gemma3-local-global', changed(() => ({ gainOffset: 0 }))],
    ['the scale of the embedding', 'gemma3-local-global', changed(() => ({ embeddingScale: 1 }))],
  ])('%s, which %s has', async (_, name, variant) => {
    expect(await difference(readGolden(name), variant)).toBeGreaterThan(100 * TOLERANCE);
  });
});
