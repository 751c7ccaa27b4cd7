import { dirname } from 'node:path';
import { Checkpoint } from './checkpoint/checkpoint.ts';
import { findGguf } from './checkpoint/find-gguf.ts';
import { readModelConfig, type ModelConfig } from './checkpoint/hf-config.ts';
import { findNonFinite } from './checkpoint/non-finite.ts';
import { safetensorsModel } from './checkpoint/open-model.ts';
import type { StoredModel } from './checkpoint/stored-model.ts';
import { listTensors, type ListedTensor } from './checkpoint/tensor-listing.ts';
import { InputError } from './errors.ts';
import { nodeFileSystem } from './file-system.ts';
import { inspectGguf } from './inspect-gguf.ts';
import {
  attempt,
  checkModel,
  describe,
  pause,
  type Inspection,
  type InspectOptions,
  type Problem,
} from './inspection.ts';

/**
 * Looks at a checkpoint. What is wrong with it becomes a problem in the result, as long as there is anything to show.
 *
 * @param path a folder, or one safetensors or GGUF file
 * @throws NotFoundError, ResourceError; InputError if no tensor can be listed
 */
export async function inspect(path: string, options: InspectOptions): Promise<Inspection> {
  const gguf = findGguf(path, nodeFileSystem);
  if (gguf !== undefined) return inspectGguf(gguf, options);
  const problems: Problem[] = [];
  let checkpoint: Checkpoint;
  try {
    checkpoint = Checkpoint.open(path);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    problems.push(error);
    const listing = listTensors(path);
    if (listing.tensors.length === 0) throw error;
    for (const problem of listing.problems) if (problem.code !== error.code) problems.push(problem);
    return describe(listing.tensors, undefined, {
      files: filesOf(listing.tensors),
      scheme: 'unknown',
      warnings: [],
      problems,
    });
  }
  try {
    return await inspectCheckpoint(path, checkpoint, problems, options);
  } finally {
    checkpoint.close();
  }
}

async function inspectCheckpoint(
  path: string,
  checkpoint: Checkpoint,
  problems: Problem[],
  options: InspectOptions,
): Promise<Inspection> {
  // A single file is looked at without a configuration.
  const isFolder = checkpoint.folder === path || dirname(path) !== checkpoint.folder;
  const config = isFolder ? attempt(problems, () => readModelConfig(checkpoint.folder)) : undefined;
  const model = config && attempt(problems, () => safetensorsModel(path, checkpoint, nodeFileSystem));
  if (options.check) {
    await checkValues(checkpoint, problems, options);
    const others = [...(model?.tensors.values() ?? [])].filter(({ inFile }) => !inFile);
    if (model) await checkModel(model, others, problems, options);
  }
  return describe([...checkpoint.tensors.values()], config, {
    files: checkpoint.files.map(({ name, bytes }) => ({ name, bytes })),
    scheme: describeScheme(config, model),
    warnings: model?.warnings ?? [],
    problems,
  });
}

/** Looks at every float of the files. */
async function checkValues(checkpoint: Checkpoint, problems: Problem[], options: InspectOptions): Promise<void> {
  let done = 0;
  for (const entry of checkpoint.tensors.values()) {
    await pause(options);
    attempt(problems, () => {
      findNonFinite(checkpoint, entry);
    });
    options.onProgress?.((done += entry.bytes), entry.name);
  }
}

function describeScheme(config: ModelConfig | undefined, model: StoredModel | undefined): string {
  if (model) return model.scheme ?? 'float';
  return config && config.quantization === undefined ? 'float' : 'unknown';
}

function filesOf(tensors: readonly ListedTensor[]): Inspection['files'] {
  const bytes = new Map<string, number>();
  for (const tensor of tensors) bytes.set(tensor.file, (bytes.get(tensor.file) ?? 0) + tensor.bytes);
  return [...bytes].map(([name, total]) => ({ name, bytes: total }));
}
