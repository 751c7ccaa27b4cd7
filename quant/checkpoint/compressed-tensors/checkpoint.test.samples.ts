import { readFileSync, readdirSync } from 'node:fs';
import { modelTensors } from '../architecture.ts';
import type { Checkpoint, TensorEntry } from '../checkpoint.ts';
import type { Dtype } from '../dtypes.ts';
import { parseModelConfig, type ModelConfig } from '../hf-config.ts';
import { widenInto, isFloatFormat } from '../../../kernels/reference/float-formats.ts';
import { elementCount, tensorBytes } from '../tensor-size.ts';

/** A tensor as a file has it. */
export interface Content {
  dtype: Dtype;
  shape: readonly number[];
  data: ArrayBufferView;
}

export type Contents = Record<string, Content>;

const FILE = 'model.safetensors';

/** Tensors in memory as a checkpoint gives them. */
export function checkpointOf(
  contents: Contents,
): Pick<Checkpoint, 'files' | 'tensors' | 'readBytes' | 'readFloats' | 'checkUnchanged'> {
  const bytesOf = ({ name }: TensorEntry): Uint8Array => {
    const { buffer, byteOffset, byteLength } = contents[name].data;
    return new Uint8Array(buffer, byteOffset, byteLength).slice();
  };
  const entries = Object.entries(contents).map(([name, { dtype, shape, data }]): [string, TensorEntry] => [
    name,
    { name, dtype, shape, bytes: data.byteLength, file: FILE, offset: 0 },
  ]);
  return {
    files: [{ name: FILE, path: `/model/${FILE}`, bytes: 0, mtimeMs: 0, metadata: new Map() }],
    tensors: new Map(entries),
    readBytes: bytesOf,
    readFloats: (entry) => {
      const values = new Float32Array(elementCount(entry.shape));
      if (!isFloatFormat(entry.dtype)) throw new TypeError(`${entry.name} holds no floats`);
      widenInto(entry.dtype, bytesOf(entry), values);
      return values;
    },
    checkUnchanged: () => undefined,
  };
}

/** A Llama of one layer; gate_proj and up_proj are `[n, k]`. */
export function configOf(n: number, k: number, quantization: unknown, members: object = {}): ModelConfig {
  const document = {
    model_type: 'llama',
    hidden_size: k,
    intermediate_size: n,
    vocab_size: 6,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    head_dim: 4,
    ...members,
    quantization_config: quantization,
  };
  return parseModelConfig(Buffer.from(JSON.stringify(document)));
}

/** Zeros for every tensor of the model that `contents` has nothing for. */
export function completed(config: ModelConfig, contents: Contents): Contents {
  const all: Contents = { ...contents };
  const stored = new Set(Object.keys(contents).map((name) => name.slice(0, name.lastIndexOf('.'))));
  for (const { name, module, shape } of modelTensors(config)) {
    if (stored.has(module)) continue;
    all[name] = { dtype: 'F32', shape, data: new Uint8Array(tensorBytes({ name, dtype: 'F32', shape }, FILE)) };
  }
  return all;
}

/** What compressed-tensors made of two random layers: fixtures/compressed-tensors. */
export interface Golden {
  name: string;
  config: ModelConfig;
  contents: Contents;
  dtype: string;
  /** Of the weights that it decompresses them to, widened to f32, by name. */
  sha256: Readonly<Record<string, string>>;
}

interface GoldenFile {
  name: string;
  n: number;
  k: number;
  quantization_config: unknown;
  tensors: Record<string, { dtype: Dtype; shape: number[]; data: string }>;
  dtype: string;
  sha256: Record<string, string>;
}

const folder = new URL('../../../../fixtures/compressed-tensors/', import.meta.url);

export const readFixture = (file: string): unknown => JSON.parse(readFileSync(new URL(file, folder), 'utf8'));

export function readGoldens(): Golden[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json') && file !== 'patterns.json');
  return files.map((file) => {
    const { name, n, k, quantization_config, tensors, dtype, sha256 } = readFixture(file) as GoldenFile;
    const config = configOf(n, k, quantization_config);
    const contents = Object.entries(tensors).map(([tensor, { dtype, shape, data }]): [string, Content] => [
      tensor,
      { dtype, shape, data: Uint8Array.from(Buffer.from(data, 'base64')) },
    ]);
    return { name, config, contents: Object.fromEntries(contents), dtype, sha256 };
  });
}
