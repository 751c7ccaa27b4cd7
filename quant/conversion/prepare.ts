import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { withQuantizationConfig } from '../checkpoint/compressed-tensors.ts';
import { readModelConfig, type ModelConfig } from '../checkpoint/hf-config.ts';
import { shardIndex } from '../checkpoint/shard-index.ts';
import { InputError } from '../errors.ts';
import { type FileSystem } from '../file-system.ts';
import { copiedFile, weightFiles, type OutputFile } from './output-files.ts';
import { planTensors, type PlannedTensor, type PlanOptions } from './plan.ts';
import { listSideFiles } from './side-files.ts';

export interface ConversionRequest extends PlanOptions {
  /** Folder of the float checkpoint. */
  model: string;
  /** Tensor bytes that a weight file may hold; a larger tensor gets a file of its own. */
  maxShardBytes: number;
}

/** A conversion in every detail, made from headers and config alone; no weight has been read. */
export interface Conversion {
  request: ConversionRequest;
  checkpoint: Checkpoint;
  tensors: readonly PlannedTensor[];
  /** Weights, then the files that go over as they are. */
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
  const { tensors, model, warnings } = planTensors(checkpoint, config, request);
  const weights = weightFiles(tensors, checkpoint, request.clip, request.maxShardBytes);
  const files = [...weights, ...listSideFiles(fileSystem, checkpoint.folder).map(copiedFile)];

  const documents = new Map([['config.json', encode(withQuantizationConfig(config.text, model))]]);
  if (weights.length > 1) documents.set('model.safetensors.index.json', encode(shardIndex(weights)));

  const sideFiles = files.slice(weights.length);
  const bytes = {
    in: sum([...tensors.map(({ source }) => source.bytes), ...sideFiles.map((file) => file.bytes)]),
    out: sum([...files.map((file) => file.bytes), ...[...documents.values()].map(({ length }) => length)]),
  };
  return { request, checkpoint, tensors, files, documents, warnings, bytes };
}

/** Quantizing codes again would compound two errors, and the first of them would be taken for the model. */
function refuseQuantized({ quantization }: ModelConfig): void {
  if (quantization === undefined) return;
  throw new InputError(`config.json: the checkpoint is quantized already (${quantization})`, {
    code: 'E_ALREADY_QUANTIZED',
    hint: 'start from the float checkpoint that it was made from',
    details: { file: 'config.json', value: quantization },
  });
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
