import { EMBEDDING_NAME, HEAD_NAME } from '../checkpoint/architecture.ts';
import type { Checkpoint, TensorEntry } from '../checkpoint/checkpoint.ts';
import { withQuantizationConfig } from '../checkpoint/compressed-tensors.ts';
import { readModelConfig, type ModelConfig } from '../checkpoint/hf-config.ts';
import { refuseQuantized } from '../checkpoint/refuse-quantized.ts';
import { shardIndex } from '../checkpoint/shard-index.ts';
import { withUntiedEmbeddings } from '../checkpoint/untied-config.ts';
import type { FileSystem } from '../file-system.ts';
import type { CalibrationFacts } from '../methods/calibration.ts';
import type { Treatment } from '../methods/treatment.ts';
import { copiedFile, weightFiles, type OutputFile, type WeightFile } from './output-files.ts';
import { planTensors, type PlannedTensor, type PlanOptions } from './plan.ts';
import { listSideFiles } from './side-files.ts';

export interface ConversionRequest extends PlanOptions {
  /** Folder of the float checkpoint. */
  model: string;
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
  checkpoint: Checkpoint;
  /** Of the checkpoint. */
  config: ModelConfig;
  tensors: readonly PlannedTensor[];
  weightFiles: readonly WeightFile[];
  /** The weight files, then those that go over as they are. */
  files: readonly OutputFile[];
  /** Small files that are written anew, by name: config.json and, for several weight files, their index. */
  documents: ReadonlyMap<string, Uint8Array>;
  warnings: readonly string[];
  /** Tensors and files that are read, and files that are written. */
  bytes: { in: number; out: number };
}

/** Checks the checkpoint and decides everything that can be decided before work starts. The caller closes it. */
export function prepareConversion(
  fileSystem: FileSystem,
  checkpoint: Checkpoint,
  request: ConversionRequest,
): Conversion {
  const config = readModelConfig(checkpoint.folder, fileSystem);
  refuseQuantized(config);
  // A rotated model has an output layer of its own: rotation goes into it and into the embedding by different norms.
  const unties = request.treatment.rotation !== undefined && config.tieWordEmbeddings;
  const { tensors, model, warnings } = unties
    ? planTensors({ tensors: withHead(checkpoint.tensors) }, { ...config, tieWordEmbeddings: false }, request)
    : planTensors(checkpoint, config, request);
  const weights = weightFiles(tensors, checkpoint, request.clip, request.maxShardBytes);
  const files = [...weights, ...listSideFiles(fileSystem, checkpoint.folder).map(copiedFile)];

  const configText = unties ? withUntiedEmbeddings(config.text) : config.text;
  const documents = new Map([['config.json', encode(model ? withQuantizationConfig(configText, model) : configText)]]);
  if (weights.length > 1) documents.set('model.safetensors.index.json', encode(shardIndex(weights)));

  const sideFiles = files.slice(weights.length);
  const bytes = {
    in: sum([...tensors.map(({ source }) => source.bytes), ...sideFiles.map((file) => file.bytes)]),
    out: sum([...files.map((file) => file.bytes), ...[...documents.values()].map(({ length }) => length)]),
  };
  return { request, checkpoint, config, tensors, weightFiles: weights, files, documents, warnings, bytes };
}

/** The tensors with an output layer in the shape of the embedding. */
function withHead(tensors: ReadonlyMap<string, TensorEntry>): ReadonlyMap<string, TensorEntry> {
  const embedding = tensors.get(EMBEDDING_NAME);
  // Without an embedding the plan refuses the checkpoint.
  return embedding ? new Map([...tensors, [HEAD_NAME, { ...embedding, name: HEAD_NAME }]]) : tensors;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
