import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { nodeFileSystem, type FileSystem } from '../file-system.ts';
import { readWholeFile } from '../read-file.ts';
import { readAttention, WIDTH, type AttentionConfig } from './attention-config.ts';
import { ConfigFields, type Range } from './config-fields.ts';
import { checkArchitecture, isGemma, readFamily, type Family } from './families.ts';
import { POSITIONS, readRopeConfigs, type RopeConfigs } from './rope-config.ts';
import { readSlidingWindow } from './sliding-window.ts';
import { readSoftCap } from './soft-cap.ts';
import {
  isJsonArray,
  isJsonObject,
  parseJson,
  type JsonLimits,
  type JsonObject,
  type JsonValue,
} from './strict-json.ts';

/** A decoder of the Llama line, as its config.json describes it. */
export interface ModelConfig extends AttentionConfig, RopeConfigs {
  family: Family;
  vocabSize: number;
  intermediateSize: number;
  layers: number;
  /** What gate projections go through: x · sigmoid(x), or GELU with its tanh approximation. */
  activation: 'silu' | 'geluTanh';
  /** What embeddings are multiplied by before the first layer. */
  embeddingScale: number;
  rmsNormEpsilon: number;
  /** Added to the gains of all norms as the file holds them: 1 where it holds gain - 1. */
  gainOffset: 0 | 1;
  /** Norms on the outputs of attention and MLP, besides those on their inputs. */
  outputNorms: boolean;
  /** Bound of the logits x, which become cap · tanh(x / cap); undefined: none. */
  logitSoftCap: number | undefined;
  maxPositionEmbeddings: number;
  tieWordEmbeddings: boolean;
  /** Biases on q, k and v. */
  qkvBias: boolean;
  /** A bias on the attention's output projection. */
  outputBias: boolean;
  /** Biases on gate, up and down. */
  mlpBias: boolean;
  /** RMSNorm over the head dimension of q and k, before RoPE. */
  qkNorm: boolean;
  /** By layer: how many positions, the query's own included, a query attends to; undefined: all before it. */
  slidingWindow: readonly (number | undefined)[];
  bosTokenId: number | undefined;
  eosTokenIds: readonly number[];
  /** What the weights were saved in, if the file says so; the tensors have the last word. */
  dtype: 'F32' | 'F16' | 'BF16' | undefined;
  /** The method that the weights are already quantized with (`compressed-tensors`, `gptq`, …), if they are. */
  quantization: string | undefined;
  /** The whole file, with its keys in their order. */
  raw: JsonObject;
  /** The same as it was written. */
  text: string;
}

const FILE = 'config.json';

/** Real files have 1 to 100 KB; a list of quantized modules can add megabytes. */
export const CONFIG_LIMITS: JsonLimits = {
  maxBytes: 16 * 1024 * 1024,
  maxDepth: 32,
  maxKeyBytes: 4096,
  maxValues: 1_000_000,
  numbers: 'any',
};

/** The deepest published model has 126 layers (Llama 3.1 405B); ten times that bounds the list of tensors. */
const LAYERS: Range = { min: 1, max: 1260 };

/** The largest vocabulary in use is 262,144 (Gemma 3). */
const VOCABULARY: Range = { min: 1, max: 2 ** 22 };

const EPSILON: Range = { min: 1e-12, max: 1e-2 };
const TOKEN_ID: Range = { min: 0, max: 2 ** 31 - 1 };

/** transformers' defaults of the members that its files may lack. */
const defaults = {
  maxPositionEmbeddings: {
    llama: 2048,
    mistral: 131_072,
    qwen2: 32_768,
    qwen3: 32_768,
    gemma2: 8192,
    gemma3_text: 131_072,
  },
  rmsNormEpsilon: 1e-6,
} as const;

/**
 * Reads and checks `config.json` of a model folder, in the spelling of transformers 4 or 5. What would change the
 * model's arithmetic and is not supported is refused by name, never ignored.
 *
 * @throws NotFoundError without config.json; InputError `E_CONFIG_*`, `E_JSON_*`
 */
export function readModelConfig(folder: string, fileSystem: FileSystem = nodeFileSystem): ModelConfig {
  return parseModelConfig(readWholeFile(join(folder, FILE), CONFIG_LIMITS.maxBytes, fileSystem));
}

/** The same for the bytes of a config.json. */
export function parseModelConfig(bytes: Uint8Array): ModelConfig {
  const document = parseJson(bytes, FILE, CONFIG_LIMITS);
  if (!isJsonObject(document)) {
    throw new InputError(`${FILE}: expected a JSON object`, {
      code: 'E_CONFIG_NOT_AN_OBJECT',
      details: { file: FILE },
    });
  }
  const fields = new ConfigFields(FILE, document);
  const family = readFamily(fields);
  checkArchitecture(fields, family);

  const layers = fields.requiredInteger('num_hidden_layers', LAYERS);
  const maxPositionEmbeddings =
    fields.integer('max_position_embeddings', POSITIONS) ?? defaults.maxPositionEmbeddings[family];
  const attention = readAttention(fields, family);
  const gemma = isGemma(family);
  const attentionBias = fields.boolean('attention_bias') ?? false;
  return {
    family,
    vocabSize: fields.requiredInteger('vocab_size', VOCABULARY),
    intermediateSize: fields.requiredInteger('intermediate_size', WIDTH),
    layers,
    ...attention,
    activation: gemma ? 'geluTanh' : 'silu',
    // In f32, as transformers rounds it for a model in f32: in bf16 it would be another number.
    embeddingScale: gemma ? Math.fround(Math.sqrt(attention.hiddenSize)) : 1,
    rmsNormEpsilon: fields.number('rms_norm_eps', EPSILON) ?? defaults.rmsNormEpsilon,
    gainOffset: gemma ? 1 : 0,
    outputNorms: gemma,
    logitSoftCap: readSoftCap(fields, family, 'final_logit_softcapping'),
    maxPositionEmbeddings,
    tieWordEmbeddings: fields.boolean('tie_word_embeddings') ?? gemma,
    qkvBias: family === 'qwen2' || attentionBias,
    outputBias: family !== 'qwen2' && attentionBias,
    mlpBias: fields.boolean('mlp_bias') ?? false,
    qkNorm: family === 'qwen3' || family === 'gemma3_text',
    slidingWindow: readSlidingWindow(fields, family, layers),
    ...readRopeConfigs(fields, family, maxPositionEmbeddings),
    bosTokenId: readTokenIds(fields, 'bos_token_id')[0],
    eosTokenIds: readTokenIds(fields, 'eos_token_id'),
    dtype: readDtype(fields),
    quantization: readMethod(fields),
    raw: document,
    text: new TextDecoder().decode(bytes),
  };
}

/** One id or a list of ids. */
export function readTokenIds(fields: ConfigFields, name: string): readonly number[] {
  const value = fields.object.get(name) ?? [];
  const ids = isJsonArray(value) ? value : [value];
  const isId = (id: JsonValue): id is number =>
    typeof id === 'number' && Number.isInteger(id) && id >= TOKEN_ID.min && id <= TOKEN_ID.max;
  if (!ids.every(isId)) throw fields.refusal(name, `expected token ids from ${TOKEN_ID.min} to ${TOKEN_ID.max}`);
  return ids;
}

const dtypes: Readonly<Record<string, ModelConfig['dtype']>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' };

function readDtype(fields: ConfigFields): ModelConfig['dtype'] {
  const [newer, older] = [fields.string('dtype'), fields.string('torch_dtype')];
  if (newer !== undefined && older !== undefined && newer !== older) {
    throw fields.refusal('dtype', `torch_dtype says ${JSON.stringify(older)}`);
  }
  const name = newer ?? older;
  if (name === undefined) return undefined;
  if (!Object.hasOwn(dtypes, name)) {
    throw fields.refusal(newer === undefined ? 'torch_dtype' : 'dtype', `known: ${Object.keys(dtypes).join(', ')}`);
  }
  return dtypes[name];
}

/** MLX writes `quantization` and the same again as `quantization_config`; everyone else names a `quant_method`. */
function readMethod(fields: ConfigFields): string | undefined {
  if (fields.has('quantization')) return 'mlx';
  const quantization = fields.fields('quantization_config') ?? fields.fields('compression_config');
  return quantization && (quantization.string('quant_method') ?? 'unknown');
}
