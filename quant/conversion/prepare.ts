import { EMBEDDING_NAME, HEAD_NAME } from '../checkpoint/architecture.ts';
import type { TensorEntry } from '../checkpoint/checkpoint.ts';
import type { ModelConfig } from '../checkpoint/hf-config.ts';
import { shardIndex } from '../checkpoint/shard-index.ts';
import type { StoredModel } from '../checkpoint/stored-model.ts';
import { withUntiedEmbeddings } from '../checkpoint/untied-config.ts';
import type { FileSystem } from '../file-system.ts';
import type { CalibrationFacts } from '../methods/calibration.ts';
import type { Treatment } from '../methods/treatment.ts';
import { inputTensors } from './input-tensors.ts';
import { copiedFile, weightFiles, type OutputFile, type WeightFile } from './output-files.ts';
import { formatOf, planTensors, type PlannedTensor, type PlanOptions } from './plan.ts';
import { sideContent, type SideFile } from './side-files.ts';

export interface ConversionRequest extends PlanOptions {
  /** Tensor bytes that a weight file may hold; a larger tensor gets a file of its own. */
  maxShardBytes: number;
  treatment: Treatment;
  /** The name of what was asked for, for the record. */
  recipe?: string | undefined;
  /** What the treatment looks at, if it looks at anything. */
  calibration?: (CalibrationFacts & { backend: string }) | undefined;
}

/** A conversion in every detail, made from headers and config alone; no weight has been read. */
export interface Conversion {
  request: ConversionRequest;
  model: StoredModel;
  /** Of the model as floats. */
  config: ModelConfig;
  tensors: readonly PlannedTensor[];
  weightFiles: readonly WeightFile[];
  /** Files beside the weights that go over as they are. */
  copied: readonly SideFile[];
  /** The weight files, then those that go over as they are. */
  files: readonly OutputFile[];
  /** Small files that are written anew, by name: config.json, the index of several weight files, what has no file yet. */
  documents: ReadonlyMap<string, Uint8Array>;
  warnings: readonly string[];
  /** Tensors and files that are read, and files that are written. */
  bytes: { in: number; out: number };
}

/** Decides everything that can be decided before work starts, of a model that `acceptInput` took. The caller closes it. */
export function prepareConversion(fileSystem: FileSystem, stored: StoredModel, request: ConversionRequest): Conversion {
  const { config } = stored;
  const sources = inputTensors(stored);
  // A rotated model has an output layer of its own: rotation goes into it and into the embedding by different norms.
  const unties = request.treatment.rotation !== undefined && config.tieWordEmbeddings;
  const written = unties ? { ...config, tieWordEmbeddings: false } : config;
  const format = formatOf(request);
  const { tensors, model, warnings } = unties
    ? planTensors({ tensors: withHead(sources) }, written, request)
    : planTensors({ tensors: sources }, config, request);
  const weights = weightFiles(tensors, stored, format, request.clip, request.maxShardBytes);
  const side = sideContent(fileSystem, stored);
  const files = [...weights, ...side.files.map(copiedFile)];

  const configText = unties ? withUntiedEmbeddings(config.text) : config.text;
  const quantizedText = model ? format.withQuantization(configText, written, model) : configText;
  const documents = new Map<string, Uint8Array>(side.documents);
  documents.set('config.json', encode(quantizedText));
  if (weights.length > 1) documents.set('model.safetensors.index.json', encode(shardIndex(weights)));

  const sideFiles = files.slice(weights.length);
  const bytes = {
    in: sum([...tensors.map(({ source }) => source.bytes), ...sideFiles.map((file) => file.bytes)]),
    out: sum([...files.map((file) => file.bytes), ...[...documents.values()].map(({ length }) => length)]),
  };
  const result = {
    request,
    model: stored,
    config,
    tensors,
    weightFiles: weights,
    copied: side.files,
    files,
    documents,
    bytes,
  };
  // Opening a float model and planning it find the same.
  return {
    ...result,
    warnings: stored.format === 'float' ? warnings : [...stored.warnings, ...side.warnings, ...warnings],
  };
}

/** The tensors with an output layer in the shape of the embedding. */
function withHead(tensors: ReadonlyMap<string, TensorEntry>): ReadonlyMap<string, TensorEntry> {
  const embedding = tensors.get(EMBEDDING_NAME);
  // Without an embedding the plan refuses the checkpoint.
  return embedding ? new Map([...tensors, [HEAD_NAME, { ...embedding, name: HEAD_NAME }]]) : tensors;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
