import { ConfigFields } from '../config-fields.ts';
import { anything, checkMembers, oneOf, type Members } from '../member-rules.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../strict-json.ts';
import { mlxModes, modeRules, type MlxMode, type MlxScheme } from './scheme.ts';

/** What config.json says about the modules of a checkpoint that MLX quantized. */
export interface MlxQuantization {
  /** Of all quantized modules that are not named. */
  main: MlxScheme;
  /** By path of the module; false: it is float. */
  named: ReadonlyMap<string, MlxScheme | false>;
  /** Modules that are said to have a scale for the whole tensor, too. */
  withGlobalScale: ReadonlySet<string>;
}

/** Bounds that only keep numbers from being absurd; `modeRules` has the values. */
const SIZES = { min: 1, max: 2 ** 20 };

const schemeMembers: Members = {
  group_size: anything,
  bits: anything,
  mode: oneOf(...mlxModes),
  global_scale: oneOf(true, false),
  // Whether activations are quantized as well, which cider does not do in the manner of MLX.
  quantize_input: oneOf(false),
};

const hint = 'start from the float checkpoint';

/**
 * How MLX quantized a checkpoint, from the top of its config.json. Modules that are named have the defaults of their mode,
 * not of the top, for what is not said of them: mlx-lm reads it so.
 *
 * @throws InputError `E_CONFIG_*`, naming the member, its value and what is known
 */
export function readMlxQuantization(config: JsonObject, file = 'config.json'): MlxQuantization {
  const top = new ConfigFields(file, config);
  const fields = top.fields('quantization') ?? top.failMissing('quantization', 'an object');
  const twin = config.get('quantization_config') ?? undefined;
  if (twin !== undefined && !isEqual(twin, fields.object)) {
    throw top.refusal('quantization_config', 'expected the same as quantization, or nothing', hint);
  }
  if (top.has('quantize_activations') && top.boolean('quantize_activations') === true) {
    throw top.refusal('quantize_activations', 'activations quantized by MLX are not supported', hint);
  }
  for (const name of ['group_size', 'bits']) if (!fields.has(name)) fields.failMissing(name, 'an integer');
  const named = new Map<string, MlxScheme | false>();
  const withGlobalScale = new Set<string>();
  const main = readScheme(fields);
  for (const [name, value] of fields.object) {
    if (value === null || Object.hasOwn(schemeMembers, name)) continue;
    if (typeof value === 'boolean') named.set(name, value && main);
    else if (isJsonObject(value)) {
      const module = fields.fields(name) ?? fields.failMissing(name, 'an object');
      checkMembers(module, schemeMembers, []);
      named.set(name, readScheme(module));
      if (module.boolean('global_scale') === true) withGlobalScale.add(name);
    } else {
      throw fields.refusal(name, `known: ${Object.keys(schemeMembers).join(', ')}, or modules with a scheme or false`);
    }
  }
  return { main, named, withGlobalScale };
}

function readScheme(fields: ConfigFields): MlxScheme {
  const mode = readMode(fields);
  const { bits: knownBits, groupSizes, defaults } = modeRules[mode];
  const given = { bits: fields.integer('bits', SIZES), groupSize: fields.integer('group_size', SIZES) };
  const bits = knownBits.find((known) => known === (given.bits ?? defaults.bits));
  const groupSize = groupSizes.find((known) => known === (given.groupSize ?? defaults.groupSize));
  if (bits === undefined) throw fields.refusal('bits', `known with mode ${mode}: ${knownBits.join(', ')}`);
  if (groupSize === undefined) {
    throw fields.refusal('group_size', `known with mode ${mode}: ${groupSizes.join(', ')}`);
  }
  return { mode, bits, groupSize };
}

function readMode(fields: ConfigFields): MlxMode {
  const name = fields.string('mode') ?? 'affine';
  const mode = mlxModes.find((known) => known === name);
  if (mode === undefined) throw fields.refusal('mode', `known: ${mlxModes.join(', ')}`, hint);
  return mode;
}

function isEqual(a: JsonValue, b: JsonValue): boolean {
  if (isJsonObject(a) && isJsonObject(b)) {
    return a.size === b.size && [...a].every(([name, value]) => b.has(name) && isEqual(value, b.get(name) ?? null));
  }
  if (isJsonArray(a) && isJsonArray(b)) {
    return a.length === b.length && a.every((value, index) => isEqual(value, b[index]));
  }
  return a === b;
}
