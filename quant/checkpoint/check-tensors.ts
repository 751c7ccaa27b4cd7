import { InputError } from '../errors.ts';
import { HEAD_NAME, modelTensors, type ModelTensor } from './architecture.ts';
import type { ModelConfig } from './hf-config.ts';
import { listed, quoted } from './quoted.ts';
import { isWeightDtype, weightDtypes } from './weight-dtype.ts';

/** A tensor of a file, as a checkpoint lists it. */
export interface FoundTensor {
  dtype: string;
  shape: readonly number[];
  /** Name of the file that it is in. */
  file: string;
}

/** More names than this do not help anyone to find the cause. */
const NAMES_SHOWN = 3;

/**
 * Compares the tensors of a checkpoint with those that its configuration promises, all of them floats. Returns warnings:
 * tensors that the model has no use for.
 *
 * @throws InputError `E_TENSOR_MISSING`, `E_TENSOR_SHAPE`, `E_TENSOR_DTYPE`
 */
export function checkTensors(config: ModelConfig, tensors: ReadonlyMap<string, FoundTensor>): readonly string[] {
  const expected = modelTensors(config);
  const missing = expected.filter(({ name }) => !tensors.has(name));
  if (missing.length > 0) throw missingTensors(missing, config, tensors);
  for (const tensor of expected) {
    const found = tensors.get(tensor.name);
    if (found) checkTensor(tensor, found);
  }
  const names = new Set(expected.map(({ name }) => name));
  const unknown = [...tensors.keys()].filter((name) => !names.has(name));
  return warnAbout(config, unknown);
}

function checkTensor({ name, shape, dimensions }: ModelTensor, found: FoundTensor): void {
  const from = dimensions.map((each) => each.from).join(', ');
  const where = `${found.file}: tensor ${quoted(name)}`;
  const details = { file: found.file, tensor: name };
  if (found.shape.length !== shape.length || found.shape.some((length, axis) => length !== shape[axis])) {
    throw new InputError(
      `${where} has the shape [${found.shape.join(', ')}], expected [${shape.join(', ')}] (${from})`,
      {
        code: 'E_TENSOR_SHAPE',
        hint: 'config.json and the weights belong to different models',
        details: { ...details, found: `[${found.shape.join(', ')}]`, expected: `[${shape.join(', ')}]`, field: from },
      },
    );
  }
  if (!isWeightDtype(found.dtype)) {
    throw new InputError(`${where} has the dtype ${found.dtype}, expected ${weightDtypes.join(', ')}`, {
      code: 'E_TENSOR_DTYPE',
      details: { ...details, found: found.dtype, expected: weightDtypes },
    });
  }
}

function missingTensors(
  missing: readonly ModelTensor[],
  config: ModelConfig,
  tensors: ReadonlyMap<string, FoundTensor>,
): InputError {
  const names = missing.map(({ name }) => name);
  const files = [...new Set([...tensors.values()].map(({ file }) => file))];
  const where = files.length === 1 ? files[0] : `${files.length} files`;
  const isHeadOnly = names.length === 1 && names[0] === HEAD_NAME;
  return new InputError(`${where}: ${config.family} with ${config.layers} layers lacks ${listed(names, NAMES_SHOWN)}`, {
    code: 'E_TENSOR_MISSING',
    hint: isHeadOnly
      ? 'if the output layer shares the embedding, config.json must say "tie_word_embeddings": true'
      : 'the download may be incomplete, or num_hidden_layers is wrong',
    details: { file: where, tensors: names.slice(0, NAMES_SHOWN), missing: names.length },
  });
}

function warnAbout(config: ModelConfig, unknown: readonly string[]): readonly string[] {
  const isCopy = (name: string) => config.tieWordEmbeddings && name === HEAD_NAME;
  const others = unknown.filter((name) => !isCopy(name));
  return [
    ...(unknown.some(isCopy) ? [`${HEAD_NAME} is not used: tie_word_embeddings is true`] : []),
    ...(others.length > 0 ? [`tensors without a use in a ${config.family} model: ${listed(others, NAMES_SHOWN)}`] : []),
  ];
}
