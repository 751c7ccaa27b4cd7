import { groupSizes, modes, type GroupSize, type Mode } from '../schemes/scheme.ts';
import { ConfigFields } from './config-fields.ts';
import { storageFormat, weightBits, type QuantizedModel } from './compressed-tensors.ts';
import { anything, checkMembers, nothing, oneOf, type Members } from './member-rules.ts';
import type { JsonObject } from './strict-json.ts';

const configMembers: Members = {
  quant_method: oneOf('compressed-tensors'),
  format: oneOf('int-quantized', 'pack-quantized'),
  version: anything,
  // Older releases call compressed files frozen.
  quantization_status: oneOf('compressed', 'frozen'),
  global_compression_ratio: anything,
  config_groups: anything,
  ignore: anything,
  kv_cache_scheme: nothing,
  sparsity_config: nothing,
  transform_config: nothing,
  moe_sparsity_config: nothing,
};

const schemeMembers: Members = {
  targets: anything,
  weights: anything,
  input_activations: anything,
  output_activations: nothing,
  format: anything,
};

/** Members of any quantization arguments that only say how the scales were found, or must be absent. */
const commonMembers: Members = {
  type: oneOf('int'),
  symmetric: oneOf(true),
  actorder: nothing,
  block_structure: nothing,
  scale_dtype: nothing,
  zp_dtype: nothing,
  observer: anything,
  observer_kwargs: anything,
};

/** In which order GPTQ took the columns, where they stay in their places all the same; `group` reorders them. */
const staticOrder = oneOf('static', 'weight');

const weightMembers: Members = {
  ...commonMembers,
  actorder: staticOrder,
  num_bits: oneOf(8, 4),
  strategy: oneOf('channel', 'group'),
  group_size: anything,
  dynamic: oneOf(false),
};

const activationMembers: Members = {
  ...commonMembers,
  num_bits: oneOf(8),
  strategy: oneOf('token'),
  group_size: nothing,
  dynamic: oneOf(true),
};

const hint = 'start from the float checkpoint';

/**
 * How a checkpoint is quantized, from the top of its config.json; undefined for a float model. Understood is what
 * `quantizationConfig` writes and other spellings of just that; everything else is refused by name, never guessed.
 *
 * @throws InputError `E_CONFIG_*`, naming the member, its value and what is known
 */
export function readQuantization(config: JsonObject, file = 'config.json'): QuantizedModel | undefined {
  const top = new ConfigFields(file, config);
  if (top.has('quantization')) throw top.refusal('quantization', 'weights quantized by MLX are not supported', hint);
  if (top.has('compression_config')) throw top.refusal('compression_config', 'known: quantization_config', hint);
  const fields = top.fields('quantization_config');
  if (!fields) return undefined;
  const method = fields.string('quant_method');
  if (method !== 'compressed-tensors') {
    throw fields.refusal('quant_method', 'known: compressed-tensors', hint);
  }
  checkMembers(fields, configMembers, ['format', 'config_groups']);
  return readGroups(fields);
}

interface Group {
  name: string;
  targets: readonly string[];
  bits: 8 | 4;
  groupSize: GroupSize;
  quantizesActivations: boolean;
}

function readGroups(config: ConfigFields): QuantizedModel {
  const groups = config.fields('config_groups') ?? config.failMissing('config_groups', 'an object');
  const [main, ...exceptions] = groups.names
    .map((name) => readGroup(config, groups, name))
    .sort((a, b) => Number(targetsAll(b)) - Number(targetsAll(a)));
  if (!(main as Group | undefined) || !targetsAll(main)) {
    throw config.refusal('config_groups', 'expected a group with the targets ["Linear"]');
  }
  for (const group of exceptions) {
    const isAlike = group.bits === main.bits && group.quantizesActivations === main.quantizesActivations;
    if (!isAlike || group.groupSize !== 0 || !group.targets.every(isModulePath)) {
      throw groups.refusal(group.name, 'besides Linear, known are groups of modules that differ by strategy channel');
    }
  }
  const ignore = config.strings('ignore') ?? [];
  const pattern = ignore.find((name) => !isModulePath(name));
  if (pattern !== undefined) throw config.refusal('ignore', `${JSON.stringify(pattern)} is not the name of a module`);
  return {
    mode: readMode(config, main),
    groupSize: main.groupSize,
    perChannel: exceptions.flatMap(({ targets }) => targets),
    ignore,
  };
}

function readGroup(config: ConfigFields, groups: ConfigFields, name: string): Group {
  const scheme = groups.fields(name) ?? groups.failMissing(name, 'an object');
  checkMembers(scheme, schemeMembers, ['targets', 'weights']);
  if (scheme.has('format') && scheme.string('format') !== config.string('format')) {
    throw scheme.refusal('format', 'expected the format of the whole file');
  }
  const weights = scheme.fields('weights') ?? scheme.failMissing('weights', 'an object');
  checkMembers(weights, weightMembers, ['num_bits', 'strategy']);
  const activations = scheme.fields('input_activations');
  if (activations) checkMembers(activations, activationMembers, ['num_bits', 'strategy', 'dynamic']);
  return {
    name,
    targets: scheme.strings('targets') ?? [],
    bits: weights.integer('num_bits', { min: 4, max: 8 }) === 4 ? 4 : 8,
    groupSize: readGroupSize(weights),
    quantizesActivations: activations !== undefined,
  };
}

function readGroupSize(weights: ConfigFields): GroupSize {
  const size = weights.integer('group_size', { min: -1, max: 2 ** 20 });
  if (weights.string('strategy') === 'channel') {
    // -1 is the older spelling of a whole row.
    if ((size ?? -1) !== -1) throw weights.refusal('group_size', 'expected null with strategy channel');
    return 0;
  }
  const known = groupSizes.find((groupSize) => groupSize !== 0 && groupSize === size);
  if (known === undefined) throw weights.refusal('group_size', `known: ${groupSizes.slice(1).join(', ')}`);
  return known;
}

function readMode(config: ConfigFields, group: Group): Mode {
  const format = config.string('format');
  const mode = modes.find(
    (candidate) => weightBits(candidate) === group.bits && candidate.endsWith('a8') === group.quantizesActivations,
  );
  if (mode === undefined || storageFormat(mode) !== format) {
    const expected = group.quantizesActivations ? 'int-quantized' : 'pack-quantized';
    throw config.refusal(
      'format',
      `expected ${expected}, as activations are ${group.quantizesActivations ? '' : 'not '}quantized`,
    );
  }
  return mode;
}

const targetsAll = (group: Group): boolean => group.targets.length === 1 && group.targets[0] === 'Linear';

/** A path such as `model.layers.0.mlp.up_proj` or `lm_head`, neither a pattern (`re:…`) nor a class (`Linear`). */
const isModulePath = (name: string): boolean => /^[a-z_][\w]*(\.\w+)*$/.test(name);
