import { groupsPerRow, type GroupSize, type Mode } from '../schemes/scheme.ts';
import { withMembers } from './added-members.ts';
import { packedWords } from './packing.ts';

/** What a checkpoint in the compressed-tensors format says about its linear layers, all of them by one mode. */
export interface QuantizedModel {
  mode: Mode;
  /** Of all quantized layers but those in `perChannel`; 0 = per channel. */
  groupSize: GroupSize;
  /** Modules that have one scale a row although `groupSize` is not 0. */
  perChannel: readonly string[];
  /** Modules that stay float. */
  ignore: readonly string[];
}

/** How one linear layer is quantized. */
export interface QuantizedLinear {
  mode: Mode;
  groupSize: GroupSize;
}

/** One code an I8 element where activations are quantized too; codes packed into I32 words where they are not. */
export type StorageFormat = 'int-quantized' | 'pack-quantized';

/** A tensor as it stands in a file for a quantized layer. */
export interface OutputTensor {
  name: string;
  dtype: 'I8' | 'I32' | 'I64' | 'F32';
  shape: readonly number[];
}

export function weightBits(mode: Mode): 8 | 4 {
  return mode === 'w8a8' || mode === 'w8a16' ? 8 : 4;
}

export function storageFormat(mode: Mode): StorageFormat {
  return quantizesActivations(mode) ? 'int-quantized' : 'pack-quantized';
}

/** How the linear layer `module` is quantized; undefined if it stays float. */
export function quantizedLinear(model: QuantizedModel, module: string): QuantizedLinear | undefined {
  if (model.ignore.includes(module)) return undefined;
  return { mode: model.mode, groupSize: model.perChannel.includes(module) ? 0 : model.groupSize };
}

/** The tensors that replace `module.weight` of `shape` [N, K]: the codes come first, then the scales. */
export function quantizedTensors(
  module: string,
  shape: readonly number[],
  mode: Mode,
  groupSize: GroupSize,
): OutputTensor[] {
  const [rows, columns] = shape;
  const scaleShape = [rows, groupsPerRow(columns, groupSize)];
  const scale: OutputTensor = { name: `${module}.weight_scale`, dtype: 'F32', shape: scaleShape };
  if (storageFormat(mode) === 'int-quantized') {
    return [{ name: `${module}.weight`, dtype: 'I8', shape: [rows, columns] }, scale];
  }
  const packedShape = [rows, packedWords(columns, weightBits(mode))];
  return [
    { name: `${module}.weight_packed`, dtype: 'I32', shape: packedShape },
    scale,
    { name: `${module}.weight_shape`, dtype: 'I64', shape: [2] },
  ];
}

/**
 * `quantization_config` of config.json. Only members that the oldest loaders know: they reject others (`scale_dtype`,
 * `zp_dtype`, a format in each group).
 */
export function quantizationConfig(model: QuantizedModel): Record<string, unknown> {
  const scheme = (targets: readonly string[], groupSize: number) => ({
    targets,
    weights: {
      num_bits: weightBits(model.mode),
      type: 'int',
      symmetric: true,
      strategy: groupSize === 0 ? 'channel' : 'group',
      group_size: groupSize === 0 ? null : groupSize,
      dynamic: false,
    },
    input_activations: quantizesActivations(model.mode)
      ? { num_bits: 8, type: 'int', symmetric: true, strategy: 'token', group_size: null, dynamic: true }
      : null,
    output_activations: null,
  });
  const main = scheme(['Linear'], model.groupSize);
  // Loaders look for the name of a module before its class; those that go by order find it first, too.
  const groups = model.perChannel.length > 0 ? [scheme(model.perChannel, 0), main] : [main];
  return {
    quant_method: 'compressed-tensors',
    format: storageFormat(model.mode),
    quantization_status: 'compressed',
    global_compression_ratio: null,
    kv_cache_scheme: null,
    ignore: model.ignore,
    config_groups: Object.fromEntries(groups.map((group, i) => [`group_${i}`, group])),
  };
}

/** The text of config.json with `quantization_config` as its last member. @throws InputError as `withMembers` */
export function withQuantizationConfig(configText: string, model: QuantizedModel): string {
  return withMembers(configText, { quantization_config: quantizationConfig(model) });
}

function quantizesActivations(mode: Mode): boolean {
  return mode === 'w8a8' || mode === 'w4a8';
}
