import { dirname } from 'node:path';
import { modelTensors } from './checkpoint/architecture.ts';
import { checkTensors } from './checkpoint/check-tensors.ts';
import { Checkpoint } from './checkpoint/checkpoint.ts';
import { quantizedLinear, type QuantizedLinear, type QuantizedModel } from './checkpoint/compressed-tensors.ts';
import { readQuantization } from './checkpoint/compressed-tensors-parse.ts';
import { readQuantizedWeight } from './checkpoint/compressed-tensors-weight.ts';
import { readModelConfig, type ModelConfig } from './checkpoint/hf-config.ts';
import { findNonFinite } from './checkpoint/non-finite.ts';
import { listTensors, type ListedTensor } from './checkpoint/tensor-listing.ts';
import { elementCount } from './checkpoint/tensor-size.ts';
import { checkTiedHead } from './checkpoint/tied-head.ts';
import { InputError, NotFoundError } from './errors.ts';

/** Something that makes a checkpoint unusable, in whole or in part. */
export interface Problem {
  code: string;
  message: string;
}

export interface Inspection {
  files: readonly { name: string; bytes: number }[];
  /** `float`, or mode and group size of the quantized layers, or `unknown`. */
  scheme: string;
  /** Elements of the model's weights; without a configuration, of all tensors in the file. */
  parameters: number;
  tensors: readonly ListedTensor[];
  /** Remarks that do not keep the checkpoint from working. */
  warnings: readonly string[];
  problems: readonly Problem[];
}

export interface InspectOptions {
  /** Read every tensor too, and look for values that no model can hold. */
  check: boolean;
  /** Called after each tensor that was read. */
  onProgress?: (doneBytes: number, tensor: string) => void;
  signal?: AbortSignal;
}

/**
 * Looks at a checkpoint. What is wrong with it becomes a problem in the result, as long as there is anything to show.
 *
 * @param path a folder, or one safetensors file
 * @throws NotFoundError, ResourceError; InputError if no tensor can be listed
 */
export async function inspect(path: string, options: InspectOptions): Promise<Inspection> {
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
    const model = attempt(problems, () => readModel(path, checkpoint));
    const warnings =
      (model && attempt(problems, () => checkTensors(model.config, checkpoint.tensors, model.quantized))) ?? [];
    if (options.check) await checkValues(checkpoint, model, problems, options);
    return describe([...checkpoint.tensors.values()], model, {
      files: checkpoint.files.map(({ name, bytes }) => ({ name, bytes })),
      scheme: describeScheme(model),
      warnings,
      problems,
    });
  } finally {
    checkpoint.close();
  }
}

interface Model {
  config: ModelConfig;
  quantized: QuantizedModel | undefined;
}

/** The configuration beside the weights; a single file is looked at without one. */
function readModel(path: string, checkpoint: Checkpoint): Model | undefined {
  if (checkpoint.folder !== path && dirname(path) === checkpoint.folder) return undefined;
  const config = readModelConfig(checkpoint.folder);
  return { config, quantized: readQuantization(config.raw) };
}

/** Runs a check; what it finds wrong is recorded and the inspection goes on. */
function attempt<T>(problems: Problem[], check: () => T): T | undefined {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof InputError || error instanceof NotFoundError)) throw error;
    problems.push(error);
    return undefined;
  }
}

async function checkValues(
  checkpoint: Checkpoint,
  model: Model | undefined,
  problems: Problem[],
  { onProgress, signal }: InspectOptions,
): Promise<void> {
  let done = 0;
  for (const entry of checkpoint.tensors.values()) {
    await new Promise(setImmediate);
    signal?.throwIfAborted();
    attempt(problems, () => {
      findNonFinite(checkpoint, entry);
    });
    onProgress?.((done += entry.bytes), entry.name);
  }
  if (!model) return;
  attempt(problems, () => {
    checkTiedHead(model.config, checkpoint);
  });
  for (const { module, scheme } of quantizedModules(model)) {
    await new Promise(setImmediate);
    signal?.throwIfAborted();
    attempt(problems, () => readQuantizedWeight(checkpoint, module, scheme));
  }
}

interface QuantizedModule {
  module: string;
  scheme: QuantizedLinear;
}

function quantizedModules({ config, quantized }: Model): QuantizedModule[] {
  if (!quantized) return [];
  return modelTensors(config).flatMap(({ module, role }) => {
    const scheme = role === 'linear' || role === 'head' ? quantizedLinear(quantized, module) : undefined;
    return scheme ? [{ module, scheme }] : [];
  });
}

function describeScheme(model: Model | undefined): string {
  if (!model) return 'unknown';
  if (!model.quantized) return 'float';
  const { mode, groupSize, perChannel } = model.quantized;
  const groups = groupSize === 0 ? 'per channel' : `groups of ${groupSize}`;
  return `${mode}, ${groups}${perChannel.length > 0 ? `, ${perChannel.length} layers per channel` : ''}`;
}

function filesOf(tensors: readonly ListedTensor[]): Inspection['files'] {
  const bytes = new Map<string, number>();
  for (const tensor of tensors) bytes.set(tensor.file, (bytes.get(tensor.file) ?? 0) + tensor.bytes);
  return [...bytes].map(([name, total]) => ({ name, bytes: total }));
}

type Described = Omit<Inspection, 'tensors' | 'parameters' | 'problems'> & { problems: readonly Problem[] };

function describe(tensors: readonly ListedTensor[], model: Model | undefined, rest: Described): Inspection {
  const problems = rest.problems.map(({ code, message }) => ({ code, message }));
  const counted = model ? modelTensors(model.config) : tensors;
  const parameters = counted.reduce((total, { shape }) => total + elementCount(shape), 0);
  return { ...rest, problems, parameters, tensors: tensors.map(listed) };
}

const listed = ({ name, dtype, shape, bytes, file }: ListedTensor): ListedTensor => ({
  name,
  dtype,
  shape,
  bytes,
  file,
});
