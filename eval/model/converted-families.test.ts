import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { Checkpoint } from '../../quant/checkpoint/checkpoint.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import { convertModel } from '../../quant/conversion/conversion.test.samples.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint } from '../../testing/tiny-checkpoint.ts';
import { parseConfiguration } from './configurations.ts';
import { loadModel } from './load.ts';

/** Writes `output`: the checkpoint in `model` as W8A8. @returns names of the tensors that were quantized */
async function convertW8a8(model: string, output: string): Promise<string[]> {
  await convertModel(model, output, { mode: 'w8a8', groupSize: 0, ignore: ['lm_head'] });
  return tensorNames(output)
    .filter((name) => name.endsWith('.weight_scale'))
    .map((name) => name.replace('_scale', ''));
}

function tensorNames(folder: string): string[] {
  const checkpoint = Checkpoint.open(folder);
  checkpoint.close();
  return [...checkpoint.tensors.keys()];
}

async function logitsOf(folder: string, configuration: string): Promise<Float32Array> {
  const stored = openModel(folder);
  const backend = openReferenceBackend();
  try {
    const model = await loadModel(stored, backend, parseConfiguration(configuration));
    return await model.logits(Int32Array.from({ length: 12 }, (_, i) => (i * 7) % 40));
  } finally {
    backend.close();
    stored.close();
  }
}

describe.each([
  ['llama', 'LlamaForCausalLM'],
  ['mistral', 'MistralForCausalLM'],
  ['qwen2', 'Qwen2ForCausalLM'],
  ['qwen3', 'Qwen3ForCausalLM'],
  ['gemma2', 'Gemma2ForCausalLM'],
  ['gemma3_text', 'Gemma3ForCausalLM'],
])('a converted checkpoint of %s', (model_type, architecture) => {
  it.each([true, false])('computes what its source does in that configuration, head tied: %s', async (tied) => {
    const root = temporaryFolder();
    const [source, converted] = [join(root, 'in'), join(root, 'out')];
    mkdirSync(source);
    const config = { ...tinyConfig, model_type, architectures: [architecture], tie_word_embeddings: tied };
    writeTinyCheckpoint(source, config);

    const quantized = await convertW8a8(source, converted);
    expect(quantized.sort()).toEqual(
      tensorNames(source)
        .filter((name) => name.endsWith('_proj.weight'))
        .sort(),
    );
    const logits = await logitsOf(converted, 'fp16');
    expect(logits.every((logit) => Number.isFinite(logit))).toBe(true);
    expect(logits).toEqual(await logitsOf(source, 'w8a8'));
  });
});
