import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../kernels/backend.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { modelTensors } from '../../quant/checkpoint/architecture.ts';
import { Checkpoint } from '../../quant/checkpoint/checkpoint.ts';
import { quantizedTensors, weightBits, withQuantizationConfig } from '../../quant/checkpoint/compressed-tensors.ts';
import { readModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import { packCodes } from '../../quant/checkpoint/packing.ts';
import { writeSafetensors, type TensorData } from '../../quant/checkpoint/safetensors-writer.ts';
import { InputError, UsageError } from '../../quant/errors.ts';
import { quantizeRows } from '../../quant/schemes/quantize-rows.ts';
import type { GroupSize, Mode } from '../../quant/schemes/scheme.ts';
import { goldenTensor } from '../../testing/golden-weights.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { watchedBackend } from '../../testing/watched-backend.ts';
import { parseConfiguration } from './configurations.ts';
import { loadModel } from './load.ts';
import type { DecoderModel } from './model.ts';

const configJson = {
  model_type: 'qwen3',
  vocab_size: 50,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  tie_word_embeddings: true,
};
const tokenIds = Int32Array.from({ length: 13 }, (_, i) => (i * i * 7 + 3) % 50);

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

type Edit = (name: string, values: Float32Array) => Float32Array;

/** A small random model in F32. */
function writeModel(edit: Edit = (_, values) => values, json: object = configJson): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'config.json'), JSON.stringify(json));
  const tensors = modelTensors(readModelConfig(folder)).map(({ name, shape }): TensorData => {
    const elements = shape.reduce((product, length) => product * length, 1);
    return { name, dtype: 'F32', shape, data: bytesOf(edit(name, goldenTensor(name, elements))) };
  });
  writeSafetensors(join(folder, 'model.safetensors'), tensors);
  return folder;
}

/** The same model as `convert` would store it. */
function writeConverted(mode: Mode, groupSize: GroupSize): string {
  const folder = temporaryFolder();
  const source = writeModel();
  const text = readFileSync(join(source, 'config.json'), 'utf8');
  const tensors = modelTensors(readModelConfig(source)).flatMap(({ name, module, role, shape }): TensorData[] => {
    const [rows, columns = 1] = shape;
    const data = goldenTensor(name, rows * columns);
    if (role !== 'linear') return [{ name, dtype: 'F32', shape, data: bytesOf(data) }];
    const stored = quantizedTensors(module, shape, mode, groupSize);
    const bits = weightBits(mode);
    const { codes, scales } = quantized(data, rows, columns, bits, groupSize);
    const contents = stored[0].dtype === 'I8' ? codes : packCodes(codes, rows, columns, bits);
    const arrays = [contents, scales, BigInt64Array.of(BigInt(rows), BigInt(columns))];
    return stored.map((tensor, i) => ({ ...tensor, data: bytesOf(arrays[i]) }));
  });
  writeSafetensors(join(folder, 'model.safetensors'), tensors);
  const model = { mode, groupSize, perChannel: [], ignore: ['lm_head'] };
  writeFileSync(join(folder, 'config.json'), withQuantizationConfig(text, model));
  return folder;
}

function quantized(data: Float32Array, rows: number, columns: number, bits: 8 | 4, groupSize: GroupSize) {
  const codes = new Int8Array(rows * columns);
  const scales = new Float32Array(groupSize === 0 ? rows : (rows * columns) / groupSize);
  const scheme = { bits, groupSize, clip: { kind: 'minmax' } } as const;
  quantizeRows({ dtype: 'F32', data, rows, columns }, scheme, codes, scales);
  return { codes, scales };
}

async function load(folder: string, name = 'fp16', backend: Backend = openReferenceBackend()): Promise<DecoderModel> {
  const model = openModel(folder);
  try {
    return await loadModel(model, backend, parseConfiguration(name));
  } finally {
    model.close();
  }
}

const storedBytes = (folder: string): number => {
  const checkpoint = Checkpoint.open(folder);
  checkpoint.close();
  return [...checkpoint.tensors.values()].reduce((total, { bytes }) => total + bytes, 0);
};

describe('DecoderModel', () => {
  it('scores each token by the logits after the one before', async () => {
    const model = await load(writeModel());
    const logits = await model.logits(tokenIds);
    const losses = await model.negativeLogLikelihood(tokenIds);
    expect(losses).toHaveLength(tokenIds.length - 1);
    losses.forEach((loss, position) => {
      const row = Array.from(logits.subarray(position * 50, (position + 1) * 50));
      const sum = row.reduce((total, logit) => total + Math.exp(logit), 0);
      // One pass has a row less than the other, and its f32 activations may differ by rounding.
      expect(loss).toBeCloseTo(Math.log(sum) - row[tokenIds[position + 1]], 4);
    });
  });

  it('knows nothing of earlier sequences, whatever their length', async () => {
    const model = await load(writeModel(), 'w8a8-g32');
    const first = await model.negativeLogLikelihood(tokenIds);
    await model.logits(tokenIds.subarray(5));
    expect(await model.negativeLogLikelihood(tokenIds)).toEqual(first);
  });

  it('has nothing to say without tokens', async () => {
    const model = await load(writeModel());
    expect(await model.logits(new Int32Array(0))).toHaveLength(0);
    expect(await model.negativeLogLikelihood(tokenIds.subarray(0, 1))).toHaveLength(0);
    expect(await model.logits(tokenIds.subarray(0, 1))).toHaveLength(50);
  });

  it.each([-1, 50])('refuses token %i', async (id) => {
    const model = await load(writeModel());
    const expected = {
      code: 'E_TOKEN_ID',
      message: `token ${id} at position 12 is outside the vocabulary of 50 tokens`,
    };
    await expect(model.logits(tokenIds.with(12, id))).rejects.toMatchObject(expected);
    await expect(model.negativeLogLikelihood(tokenIds.with(12, id))).rejects.toMatchObject(expected);
  });

  it('gives all memory back when it is closed', async () => {
    const { backend, held } = watchedBackend();
    const model = await load(writeModel(), 'w4a8', backend);
    await model.negativeLogLikelihood(tokenIds);
    await model.logits(tokenIds.subarray(3));
    expect(held.size).toBeGreaterThan(0);
    model.close();
    expect(held.size).toBe(0);
  });
});

describe('loadModel', () => {
  it.each<[Mode, GroupSize, string]>([
    ['w8a8', 0, 'w8a8'],
    ['w8a8', 32, 'w8a8-g32'],
    ['w4a8', 0, 'w4a8'],
    ['w4a8', 32, 'w4a8-g32'],
  ])('gives the bits of a converted checkpoint when it quantizes itself: %s, group size %i', async (mode, gs, name) => {
    const converted = await load(writeConverted(mode, gs));
    const quantizedHere = await load(writeModel(), name);
    const logits = await converted.logits(tokenIds);
    expect(logits).toEqual(await quantizedHere.logits(tokenIds));
    expect(logits).not.toEqual(await (await load(writeModel())).logits(tokenIds));
    expect(converted.modelBytes).toBe(quantizedHere.modelBytes);
  });

  it.each<[Mode, GroupSize]>([
    ['w8a16', 0],
    ['w8a16', 32],
    ['w4a16', 32],
  ])('widens the weights of a converted checkpoint: %s, group size %i', async (mode, groupSize) => {
    const linears = modelTensors(readModelConfig(writeModel())).filter(({ role }) => role === 'linear');
    const widened = writeModel((name, values) => {
      const linear = linears.find((tensor) => tensor.name === name);
      if (!linear) return values;
      const [rows, columns] = linear.shape;
      const { codes, scales } = quantized(values, rows, columns, weightBits(mode), groupSize);
      return values.map((_, i) => codes[i] * scales[Math.floor(i / (groupSize === 0 ? columns : groupSize))]);
    });
    const expected = await (await load(widened)).logits(tokenIds);
    const actual = await (await load(writeConverted(mode, groupSize))).logits(tokenIds);
    // Weights are within two f32 roundings of 2^b · scale, some 1e-5 of a typical one, and logits below 10 here.
    actual.forEach((logit, i) => {
      expect(logit).toBeCloseTo(expected[i], 3);
    });
  });

  it('counts the bytes of the weights as they are stored', async () => {
    const folder = writeModel();
    expect((await load(folder)).modelBytes).toBe(storedBytes(folder));
    const converted = writeConverted('w8a8', 32);
    expect((await load(converted)).modelBytes).toBe(storedBytes(converted));
  });

  it('takes a head of its own, which stays float', async () => {
    const folder = writeModel(undefined, { ...configJson, tie_word_embeddings: false });
    const model = await load(folder);
    expect(model.modelBytes).toBe(storedBytes(folder));
    expect(await model.logits(tokenIds)).not.toEqual(await (await load(writeModel())).logits(tokenIds));
  });

  it('names the tensor and the index of a weight that no scale holds, and gives back what it had loaded', async () => {
    const name = 'model.layers.1.mlp.up_proj.weight';
    const folder = writeModel((tensor, values) => (tensor === name ? values.with(64 * 3 + 5, NaN) : values));
    const { backend, held } = watchedBackend();
    const loading = load(folder, 'w8a8', backend);
    await expect(loading).rejects.toThrow(InputError);
    await expect(loading).rejects.toMatchObject({
      code: 'E_NON_FINITE_WEIGHT',
      message: `tensor "${name}" holds NaN at [3, 5]`,
    });
    expect(held.size).toBe(0);
  });

  it('does not quantize what is quantized', async () => {
    const loading = load(writeConverted('w8a8', 0), 'w4a8');
    await expect(loading).rejects.toThrow(UsageError);
    await expect(loading).rejects.toMatchObject({ code: 'E_ALREADY_QUANTIZED' });
  });
});
