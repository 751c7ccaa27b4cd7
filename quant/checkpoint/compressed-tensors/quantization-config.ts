import { ConfigFields } from '../config-fields.ts';
import { anything, checkMembers, nothing, oneOf, type Members } from '../member-rules.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../strict-json.ts';
import type { LayerScheme } from './layer-scheme.ts';
import { isMoreSpecific, ModuleNameError, ModuleNames, type Match, type Module } from './module-names.ts';
import type { StepBudget } from './position-sets.ts';
import { readInputArguments, readWeightArguments } from './read-arguments.ts';

/** Formats whose codes are integers, and whether they pack them. */
const packing: Readonly<Record<string, boolean>> = {
  'int-quantized': false,
  'naive-quantized': false,
  'pack-quantized': true,
};

/** Formats that differ by group, each of which says its own. */
const MIXED = 'mixed-precision';

/** Two seconds of matching. A pattern takes 0.2 million steps for all layers of the deepest published model. */
const MATCHING_STEPS = 20_000_000;

const configMembers: Members = {
  quant_method: oneOf('compressed-tensors'),
  format: oneOf(...Object.keys(packing), MIXED),
  version: anything,
  // Older releases call compressed files frozen.
  quantization_status: oneOf('compressed', 'frozen'),
  global_compression_ratio: anything,
  config_groups: anything,
  ignore: anything,
  kv_cache_scheme: nothing,
  // Older releases state that nothing is sparse.
  sparsity_config: { expected: 'null or the format dense', accepts: isDense },
  transform_config: nothing,
  moe_sparsity_config: nothing,
};

const groupMembers: Members = {
  targets: anything,
  weights: anything,
  input_activations: anything,
  output_activations: nothing,
  format: anything,
};

const hint = 'start from the float checkpoint';

interface Group {
  name: string;
  targets: ModuleNames;
  scheme: LayerScheme;
}

/** `quantization_config` of a checkpoint in the compressed-tensors format. */
export class QuantizationConfig {
  readonly #groups: readonly Group[];
  readonly #ignore: ModuleNames;
  readonly #fields: ConfigFields;

  /**
   * Reads what compressed-tensors writes for integer weights. Everything else is refused by name, never guessed.
   *
   * @param config the top of config.json
   * @throws InputError `E_CONFIG_*`, naming the member, its value and what is known
   */
  constructor(config: JsonObject, file = 'config.json') {
    const top = new ConfigFields(file, config);
    if (top.has('compression_config')) throw top.refusal('compression_config', 'known: quantization_config', hint);
    const fields = top.fields('quantization_config') ?? top.failMissing('quantization_config', 'an object');
    if (fields.string('quant_method') !== 'compressed-tensors') {
      throw fields.refusal('quant_method', 'known: compressed-tensors', hint);
    }
    checkMembers(fields, configMembers, ['format', 'config_groups']);
    const budget = { steps: MATCHING_STEPS };
    this.#fields = fields;
    this.#ignore = readNames(fields, 'ignore', budget);
    const groups = fields.fields('config_groups') ?? fields.failMissing('config_groups', 'an object');
    this.#groups = groups.names.map((name) => readGroup(fields, groups, name, budget));
    if (this.#groups.length === 0) throw fields.refusal('config_groups', 'expected at least one group', hint);
  }

  /**
   * How a module is quantized; undefined if it stays float.
   *
   * @throws InputError `E_CONFIG_FIELD` where two groups claim it alike, or patterns take too long
   */
  schemeOf(module: Module): LayerScheme | undefined {
    const ignored = this.#guard('ignore', () => this.#ignore.matches(module));
    if (ignored.length > 0) return undefined;
    let best: { group: Group; match: Match } | undefined;
    for (const group of this.#groups) {
      for (const match of this.#guard('config_groups', () => group.targets.matches(module))) {
        if (!best || isMoreSpecific(match, best.match)) best = { group, match };
        else if (!isMoreSpecific(best.match, match)) this.#expectSame(module, best.group, group);
      }
    }
    return best?.group.scheme;
  }

  /** Loaders differ in which of two patterns counts. */
  #expectSame(module: Module, a: Group, b: Group): void {
    if (JSON.stringify(a.scheme) === JSON.stringify(b.scheme)) return;
    throw this.#fields.refusal('config_groups', `${a.name} and ${b.name} both claim ${module.path}, and differ`);
  }

  #guard<T>(member: string, match: () => T): T {
    return refusingNames(this.#fields, member, match);
  }
}

function readGroup(config: ConfigFields, groups: ConfigFields, name: string, budget: StepBudget): Group {
  const fields = groups.fields(name) ?? groups.failMissing(name, 'an object');
  checkMembers(fields, groupMembers, ['targets']);
  const weights = fields.fields('weights');
  const inputs = readInputArguments(fields.fields('input_activations'));
  const scheme = { weights: weights && readWeightArguments(weights, readPacking(config, fields)), inputs };
  return { name, targets: readNames(fields, 'targets', budget), scheme };
}

/** Whether the codes of a group are packed: by its own format, or that of the whole file. */
function readPacking(config: ConfigFields, group: ConfigFields): boolean {
  const whole = config.string('format') ?? config.failMissing('format', configMembers['format'].expected);
  const own = group.string('format');
  const format = own ?? whole;
  if (own === undefined && whole === MIXED) group.failMissing('format', Object.keys(packing).join(' or '));
  if (!Object.hasOwn(packing, format)) throw group.refusal('format', `expected ${Object.keys(packing).join(' or ')}`);
  if (whole !== MIXED && whole !== format) throw group.refusal('format', `the format of the whole file is ${whole}`);
  return packing[format];
}

function readNames(fields: ConfigFields, member: string, budget: StepBudget): ModuleNames {
  const names = fields.strings(member) ?? [];
  return refusingNames(fields, member, () => new ModuleNames(names, budget));
}

function refusingNames<T>(fields: ConfigFields, member: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof ModuleNameError)) throw error;
    throw fields.refusal(member, error.message);
  }
}

function isDense(value: JsonValue): boolean {
  return nothing.accepts(value) || (isJsonObject(value) && value.get('format') === 'dense');
}
