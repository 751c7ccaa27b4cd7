import { InputError } from '../../errors.ts';
import { modelTensors, type ModelTensor } from '../architecture.ts';
import { checkTensors, type FoundTensor } from '../check-tensors.ts';
import type { Checkpoint, TensorEntry, WeightSource } from '../checkpoint.ts';
import { findFloatTensor } from '../float-tensor.ts';
import type { ModelConfig } from '../hf-config.ts';
import type { StoredTensor } from '../stored-model.ts';
import { elementCount } from '../tensor-size.ts';
import { describeSchemes, type QuantizedLayer } from './describe-schemes.ts';
import { findWeight, weightParts, type FoundWeight } from './find-weight.ts';
import type { LayerScheme } from './layer-scheme.ts';
import type { Module } from './module-names.ts';
import { QuantizationConfig } from './quantization-config.ts';
import { storedWeight } from './stored-weight.ts';

/** A checkpoint of compressed-tensors in the layout of a float one. */
export interface CompressedTensors {
  /** Every tensor of `modelTensors(config)`, in its order. */
  tensors: ReadonlyMap<string, StoredTensor>;
  /** `w4a16, groups of 128, 2 layers per channel`. */
  scheme: string;
  /** `w4a16-g128`. */
  rowName: string;
  warnings: readonly string[];
}

/** Of the inputs of a layer, where these are quantized with scales that were found before. */
const inputParts = ['input_scale', 'input_zero_point', 'input_global_scale'] as const;

/**
 * The tensors of a checkpoint of compressed-tensors with integer weights. Which modules are quantized, and how, is what
 * config.json says; the tensors must agree. Only headers are read.
 *
 * @throws InputError `E_CONFIG_*` for what is not known, `E_TENSOR_*`, `E_GROUP_SIZE` for tensors that are not those of
 * the model, or not of the scheme that config.json names; `E_NOTHING_QUANTIZED` if it names no layer
 */
export function readCompressedTensors(
  checkpoint: WeightSource & Pick<Checkpoint, 'tensors'>,
  config: ModelConfig,
): CompressedTensors {
  const quantization = new QuantizationConfig(config.raw);
  const expected = modelTensors(config);
  const layers = new Map<string, QuantizedLayer & { weight: FoundWeight | undefined }>();
  for (const tensor of expected) {
    const module = asModule(tensor);
    const scheme = module && quantization.schemeOf(module);
    if (!scheme) continue;
    const weight = scheme.weights && findWeight(checkpoint.tensors, tensor, scheme.weights);
    layers.set(tensor.name, { scheme: effectiveScheme(tensor, scheme), elements: elementCount(tensor.shape), weight });
  }
  const described = describeSchemes([...layers.values()]);
  if (!described) throw nothingQuantized();
  const weights = new Map([...layers].flatMap(([name, { weight }]) => (weight ? [[name, weight]] : [])));
  const warnings = checkTensors(config, asFloats(checkpoint.tensors, expected, layers, weights));
  const tensors = expected.map((tensor): StoredTensor => {
    const layer = layers.get(tensor.name);
    return layer?.weight
      ? storedWeight(checkpoint, tensor, layer.weight, layer.scheme)
      : findFloatTensor(checkpoint, tensor.name);
  });
  return {
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    ...described,
    warnings: [...warnings, ...described.warnings],
  };
}

/** Modules that compressed-tensors quantizes, by their classes in PyTorch. */
function asModule({ role, module }: ModelTensor): Module | undefined {
  if (role === 'linear' || role === 'head') return { path: module, classes: ['Linear', 'Module'] };
  if (role === 'embedding') return { path: module, classes: ['Embedding', 'Module'] };
  return undefined;
}

/** Inputs of the embedding are token ids. */
const effectiveScheme = ({ role }: ModelTensor, scheme: LayerScheme): LayerScheme =>
  role === 'embedding' ? { ...scheme, inputs: { kind: 'float' } } : scheme;

/** The tensors as a float checkpoint would have them, for the checks that those are made of. */
function asFloats(
  tensors: ReadonlyMap<string, TensorEntry>,
  expected: readonly ModelTensor[],
  layers: ReadonlyMap<string, unknown>,
  weights: ReadonlyMap<string, FoundWeight>,
): Map<string, FoundTensor> {
  const found = new Map<string, FoundTensor>(tensors);
  for (const { name, module, shape } of expected) {
    if (layers.has(name)) for (const part of inputParts) found.delete(`${module}.${part}`);
    const weight = weights.get(name);
    if (!weight) continue;
    for (const part of weightParts) found.delete(`${module}.${part}`);
    found.set(name, { dtype: 'F32', shape, file: weight.codes.file });
  }
  return found;
}

function nothingQuantized(): InputError {
  return new InputError('config.json: no layer of the model is among the targets of quantization_config', {
    code: 'E_NOTHING_QUANTIZED',
    hint: 'the quantization_config may belong to another model',
    details: { file: 'config.json', field: 'quantization_config.config_groups' },
  });
}
