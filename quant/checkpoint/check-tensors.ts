import { InputError } from '../errors.ts';
import { HEAD_NAME, modelTensors } from './architecture.ts';
import { quantizedLinear, quantizedTensors, type QuantizedModel } from './compressed-tensors.ts';
import type { ModelConfig } from './hf-config.ts';
import { listed, quoted } from './quoted.ts';

/** A tensor of a file, as a checkpoint lists it. */
export interface FoundTensor {
  dtype: string;
  shape: readonly number[];
  /** Name of the file that it is in. */
  file: string;
}

/** Weights of these dtypes can be computed with. */
const floatDtypes = ['F32', 'F16', 'BF16'];
/** More names than this do not help anyone to find the cause. */
const NAMES_SHOWN = 3;

/**
 * Compares the tensors of a checkpoint with those that its configuration promises; `quantized` says which of the linear
 * layers are stored otherwise. Returns warnings: tensors that the model has no use for.
 *
 * @throws InputError `E_TENSOR_MISSING`, `E_TENSOR_SHAPE`, `E_TENSOR_DTYPE`
 */
export function checkTensors(
  config: ModelConfig,
  tensors: ReadonlyMap<string, FoundTensor>,
  quantized?: QuantizedModel,
): readonly string[] {
  const expected = expectedTensors(config, quantized);
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

interface ExpectedTensor {
  name: string;
  shape: readonly number[];
  dtypes: readonly string[];
  /** Where the lengths come from. */
  from: string;
}

function expectedTensors(config: ModelConfig, quantized: QuantizedModel | undefined): ExpectedTensor[] {
  return modelTensors(config).flatMap((tensor): ExpectedTensor[] => {
    const from = tensor.dimensions.map((each) => each.from).join(', ');
    const isLinear = tensor.role === 'linear' || tensor.role === 'head';
    const scheme = isLinear && quantized ? quantizedLinear(quantized, tensor.module) : undefined;
    if (!scheme) return [{ name: tensor.name, shape: tensor.shape, dtypes: floatDtypes, from }];
    return quantizedTensors(tensor.module, tensor.shape, scheme.mode, scheme.groupSize).map((stored) => ({
      name: stored.name,
      shape: stored.shape,
      // Other writers keep the scales in the dtype of the weights.
      dtypes: stored.dtype === 'F32' ? floatDtypes : [stored.dtype],
      from: `${from}; ${scheme.mode}, group size ${scheme.groupSize}`,
    }));
  });
}

function checkTensor(expected: ExpectedTensor, found: FoundTensor): void {
  const { name, shape, dtypes, from } = expected;
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
  if (!dtypes.includes(found.dtype)) {
    throw new InputError(`${where} has the dtype ${found.dtype}, expected ${dtypes.join(', ')}`, {
      code: 'E_TENSOR_DTYPE',
      details: { ...details, found: found.dtype, expected: dtypes },
    });
  }
}

function missingTensors(
  missing: readonly ExpectedTensor[],
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
