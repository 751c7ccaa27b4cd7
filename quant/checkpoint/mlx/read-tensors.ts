import { InputError } from '../../errors.ts';
import { modelTensors, type ModelTensor } from '../architecture.ts';
import { checkTensors, type FoundTensor } from '../check-tensors.ts';
import type { Checkpoint, TensorEntry } from '../checkpoint.ts';
import { findFloatTensor } from '../float-tensor.ts';
import type { ModelConfig } from '../hf-config.ts';
import { listed, quoted } from '../quoted.ts';
import type { StoredTensor } from '../stored-model.ts';
import { findMlxWeight, type MlxWeight } from './find-weight.ts';
import { readMlxQuantization, type MlxQuantization } from './parse-quantization.ts';
import { describeMlxScheme, mlxSchemeName, type MlxScheme } from './scheme.ts';
import { mlxStoredTensor } from './stored-weight.ts';

/** A checkpoint of MLX in the layout of a float one. */
export interface MlxTensors {
  /** Every tensor of `modelTensors(config)`, in its order. */
  tensors: ReadonlyMap<string, StoredTensor>;
  /** `MLX affine 4 bit, groups of 64, 7 modules otherwise`. */
  scheme: string;
  /** `mlx-q4-g64`; `mlx-q4-g64-mixed` if not all modules have that. */
  rowName: string;
  warnings: readonly string[];
}

/** More names than this do not help anyone to find the cause. */
const NAMES_SHOWN = 3;

/**
 * The tensors of a checkpoint that mlx-lm wrote: linear layers, embedding and output layer are quantized where `.scales`
 * stand beside them, as mlx-lm decides it, by the scheme that config.json has for them.
 *
 * @throws InputError `E_CONFIG_*` for a scheme that is not known; `E_TENSOR_*`, `E_GROUP_SIZE` for tensors that are not
 * those of the model, or not of the scheme that config.json names; `E_MLX_SCHEME` where the two disagree on what is quantized
 */
export function readMlxTensors(checkpoint: Checkpoint, config: ModelConfig): MlxTensors {
  const quantization = readMlxQuantization(config.raw);
  const expected = modelTensors(config);
  const weights = new Map<string, MlxWeight>();
  for (const tensor of expected) {
    const weight = isQuantizable(tensor) ? findWeight(checkpoint.tensors, tensor, quantization) : undefined;
    if (weight) weights.set(tensor.name, weight);
  }
  if (weights.size === 0) {
    throw disagreement('quantization', 'no module has scales', 'the quantization may belong to another checkpoint');
  }
  const warnings = [
    ...checkTensors(config, asFloats(checkpoint.tensors, expected, weights)),
    ...warnAboutNames(expected, quantization),
  ];
  const tensors = expected.map((tensor): StoredTensor => {
    const weight = weights.get(tensor.name);
    return weight ? mlxStoredTensor(checkpoint, tensor, weight) : findFloatTensor(checkpoint, tensor.name);
  });
  return {
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    ...describe([...weights.values()]),
    warnings,
  };
}

/** Layers that MLX can quantize. */
const isQuantizable = ({ role }: ModelTensor): boolean => role === 'linear' || role === 'head' || role === 'embedding';

/** What stands for a weight that is quantized; undefined for a float one. */
function findWeight(
  tensors: ReadonlyMap<string, TensorEntry>,
  tensor: ModelTensor,
  { main, named, withGlobalScale }: MlxQuantization,
): MlxWeight | undefined {
  const { module } = tensor;
  const scheme = named.get(module);
  if (!tensors.has(`${module}.scales`)) {
    if (scheme) throw disagreement(`quantization.${module}`, `tensor ${quoted(`${module}.scales`)} is missing`);
    if (tensors.get(tensor.name)?.dtype === 'U32') {
      throw disagreement(tensor.name, `it is U32, but tensor ${quoted(`${module}.scales`)} is missing`);
    }
    return undefined;
  }
  if (scheme === false) throw disagreement(`quantization.${module}`, `it is false, but the module has scales`);
  const weight = findMlxWeight(tensors, tensor, scheme ?? main);
  if (withGlobalScale.has(module) && !weight.globalScale) {
    throw disagreement(`quantization.${module}`, `tensor ${quoted(`${module}.global_scale`)} is missing`);
  }
  return weight;
}

/** The tensors as a float checkpoint would have them, for the checks that those are made of. */
function asFloats(
  tensors: ReadonlyMap<string, TensorEntry>,
  expected: readonly ModelTensor[],
  weights: ReadonlyMap<string, MlxWeight>,
): Map<string, FoundTensor> {
  const found = new Map<string, FoundTensor>(tensors);
  for (const { name, module, shape } of expected) {
    const weight = weights.get(name);
    if (!weight) continue;
    for (const part of ['scales', 'biases', 'global_scale']) found.delete(`${module}.${part}`);
    found.set(name, { dtype: 'F32', shape, file: weight.codes.file });
  }
  return found;
}

/** By the scheme that most modules have. */
function describe(weights: readonly MlxWeight[]): Pick<MlxTensors, 'scheme' | 'rowName'> {
  const counts = new Map<string, { scheme: MlxScheme; count: number }>();
  for (const { scheme } of weights) {
    const name = mlxSchemeName(scheme);
    counts.set(name, { scheme, count: (counts.get(name)?.count ?? 0) + 1 });
  }
  const [[name, { scheme, count }]] = [...counts].toSorted(([, a], [, b]) => b.count - a.count);
  const others = weights.length - count;
  const rest = others === 0 ? '' : `, ${others} ${others === 1 ? 'module' : 'modules'} otherwise`;
  return {
    scheme: `MLX ${describeMlxScheme(scheme)}${rest}`,
    rowName: `mlx-${name}${others === 0 ? '' : '-mixed'}`,
  };
}

function warnAboutNames(expected: readonly ModelTensor[], { named }: MlxQuantization): string[] {
  const modules = new Set(expected.map(({ module }) => module));
  const unknown = [...named].flatMap(([name, scheme]) => (scheme && !modules.has(name) ? [name] : []));
  if (unknown.length === 0) return [];
  return [`quantization in config.json names modules that the model does not have: ${listed(unknown, NAMES_SHOWN)}`];
}

function disagreement(field: string, what: string, hint?: string): InputError {
  return new InputError(`config.json and the weights disagree on ${quoted(field)}: ${what}`, {
    code: 'E_MLX_SCHEME',
    hint,
    details: { file: 'config.json', field },
  });
}
