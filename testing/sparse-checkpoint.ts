import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { modelTensors } from '../quant/checkpoint/architecture.ts';
import { readModelConfig } from '../quant/checkpoint/hf-config.ts';
import { layoutFile, planShards } from '../quant/checkpoint/safetensors-layout.ts';
import { elementCount, type TensorSpec } from '../quant/checkpoint/tensor-size.ts';
import { tinyConfig } from './tiny-checkpoint.ts';

const BF16_BYTES = 2;

/**
 * Writes a checkpoint of the shape of an 8-billion-parameter Qwen3, with as many layers as make `bytes` of BF16 weights,
 * all zero: files have their full size, and take next to no disk where the file system knows holes.
 *
 * @returns bytes of the largest tensor
 */
export function writeSparseCheckpoint(folder: string, bytes: number, maxShardBytes: number): number {
  const shape = { hidden_size: 4096, intermediate_size: 12_288, num_attention_heads: 32, num_key_value_heads: 8 };
  const configOf = (layers: number): object => ({
    ...tinyConfig,
    ...shape,
    head_dim: 128,
    vocab_size: 32_000,
    tie_word_embeddings: false,
    num_hidden_layers: layers,
  });
  let specs: TensorSpec[] = [];
  for (let layers = 1; totalBytes(specs) < bytes; layers++) {
    writeFileSync(join(folder, 'config.json'), JSON.stringify(configOf(layers)));
    specs = modelTensors(readModelConfig(folder)).map(({ name, shape: dims }) => ({
      name,
      dtype: 'BF16',
      shape: dims,
    }));
  }
  const weightMap: Record<string, string> = {};
  for (const { name: file, groups } of planShards(
    specs.map((spec) => [spec]),
    maxShardBytes,
  )) {
    const layout = layoutFile(groups.flat());
    for (const { name } of groups.flat()) weightMap[name] = file;
    const fd = openSync(join(folder, file), 'w');
    writeSync(fd, layout.header);
    ftruncateSync(fd, layout.fileBytes);
    closeSync(fd);
  }
  const index = { metadata: { total_size: totalBytes(specs) }, weight_map: weightMap };
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
  return Math.max(...specs.map((spec) => BF16_BYTES * elementCount(spec.shape)));
}

const totalBytes = (specs: readonly TensorSpec[]): number =>
  specs.reduce((sum, spec) => sum + BF16_BYTES * elementCount(spec.shape), 0);
