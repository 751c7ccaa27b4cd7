import { modelTensors } from './checkpoint/architecture.ts';
import type { ModelConfig } from './checkpoint/hf-config.ts';
import { checkFinite } from './checkpoint/non-finite.ts';
import type { StoredModel, StoredTensor } from './checkpoint/stored-model.ts';
import type { ListedTensor } from './checkpoint/tensor-listing.ts';
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
  /** `float`, or how the weights are quantized in the words of their format, or `unknown`. */
  scheme: string;
  /** Elements of the model's weights; without a configuration, of all tensors in the file. */
  parameters: number;
  /** By their names and types in the file. */
  tensors: readonly ListedTensor[];
  /** What a GGUF file says of itself, by key; lists are described. */
  metadata?: Readonly<Record<string, string>>;
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

/** Runs a check; what it finds wrong is recorded and the inspection goes on. */
export function attempt<T>(problems: Problem[], check: () => T): T | undefined {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof InputError || error instanceof NotFoundError)) throw error;
    problems.push(error);
    return undefined;
  }
}

/** Lets signals through between tensors. */
export async function pause({ signal }: InspectOptions): Promise<void> {
  await new Promise(setImmediate);
  signal?.throwIfAborted();
}

/**
 * Looks at what a model makes of its files: scales, codes, values, and a head that is tied.
 *
 * @param tensors to read
 */
export async function checkModel(
  { checkpoint, config }: StoredModel,
  tensors: readonly StoredTensor[],
  problems: Problem[],
  options: InspectOptions,
): Promise<void> {
  if (checkpoint) {
    attempt(problems, () => {
      checkTiedHead(config, checkpoint);
    });
  }
  let done = 0;
  for (const tensor of tensors) {
    await pause(options);
    attempt(problems, () => {
      if (tensor.codes) tensor.codes.read();
      else checkFinite(tensor.readFloats(), tensor);
    });
    options.onProgress?.((done += tensor.bytes), tensor.name);
  }
}

type Described = Omit<Inspection, 'tensors' | 'parameters' | 'problems'> & { problems: readonly Problem[] };

/** @param config of the model, if it is known */
export function describe(
  tensors: readonly ListedTensor[],
  config: ModelConfig | undefined,
  rest: Described,
): Inspection {
  const problems = rest.problems.map(({ code, message }) => ({ code, message }));
  const counted = config ? modelTensors(config) : tensors;
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
