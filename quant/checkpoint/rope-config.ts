import { InputError } from '../errors.ts';
import { type ConfigFields, type Range } from './config-fields.ts';
import type { Family } from './families.ts';

/** Rotary position embedding as the configuration asks for it; `eval/model/rope.ts` computes the frequencies. */
export interface RopeConfig {
  /** Base of the geometric series of frequencies. */
  theta: number;
  scaling: RopeScaling;
}

/** RoPE by kind of layer; only Gemma 3 has two. */
export interface RopeConfigs {
  /** Of layers that attend to all positions before. */
  rope: RopeConfig;
  /** Of layers with a sliding window. */
  slidingRope: RopeConfig;
}

export type RopeScaling = { kind: 'none' } | LinearScaling | Llama3Scaling | YarnScaling;

/** All frequencies divided by `factor`. */
export interface LinearScaling {
  kind: 'linear';
  factor: number;
}

/** Long wavelengths divided by `factor`, short ones kept, those between interpolated. */
export interface Llama3Scaling {
  kind: 'llama3';
  factor: number;
  lowFrequencyFactor: number;
  highFrequencyFactor: number;
  originalMaxPositionEmbeddings: number;
}

/** As llama3, with a ramp over dimensions, and a factor on cos and sin (arXiv 2309.00071). */
export interface YarnScaling {
  kind: 'yarn';
  factor: number;
  originalMaxPositionEmbeddings: number;
  betaFast: number;
  betaSlow: number;
  /** Whether the ends of the ramp are rounded outwards to whole dimensions. */
  truncate: boolean;
  /** Given outright; otherwise it follows from `factor`, `mscale` and `mscaleAllDim`. */
  attentionFactor?: number | undefined;
  mscale?: number | undefined;
  mscaleAllDim?: number | undefined;
}

/** Largest theta in use is about 1e8 (Code Llama has 1e6); an f32 power must not overflow on the way. */
const THETA: Range = { min: 1 + Number.EPSILON, max: 1e12 };

/** Real factors stay below 64; a factor below 1 would shorten the context. */
const FACTOR: Range = { min: 1, max: 1e6 };

const POSITIVE: Range = { min: 1e-6, max: 1e6 };

/** 10 million positions is the longest advertised context. */
export const POSITIONS: Range = { min: 1, max: 2 ** 30 };

/** Members that each kind may have, besides the ones that all may have. A member that would be ignored is refused. */
const membersOfKind: Readonly<Record<string, readonly string[]>> = {
  default: [],
  linear: ['factor'],
  llama3: ['factor', 'low_freq_factor', 'high_freq_factor'],
  yarn: ['factor', 'attention_factor', 'beta_fast', 'beta_slow', 'mscale', 'mscale_all_dim', 'truncate'],
};
const commonMembers = [
  'rope_theta',
  'rope_type',
  'type',
  'partial_rotary_factor',
  'original_max_position_embeddings',
] as const;

/** Where one RoPE is described: several objects must mean the same. */
interface RopeSource {
  /** Member at the top of the file with theta, as transformers 4 has it. */
  thetaName: string;
  /** transformers' `default_theta`. */
  defaultTheta: number;
  objects: readonly (ConfigFields | undefined)[];
}

/**
 * Reads RoPE in the spelling of transformers 4 (`rope_theta`, `rope_scaling`) or 5 (`rope_parameters`). A file that
 * has both must mean the same by both. `config` is the top of config.json.
 */
export function readRopeConfigs(config: ConfigFields, family: Family, maxPositionEmbeddings: number): RopeConfigs {
  refusePartialRotation(config);
  const parameters = config.fields('rope_parameters');
  const scaling = config.fields('rope_scaling');
  const read = (source: RopeSource): RopeConfig => readRopeConfig(config, source, maxPositionEmbeddings);
  if (family !== 'gemma3_text') {
    const rope = read({ thetaName: 'rope_theta', defaultTheta: 10_000, objects: [parameters, scaling] });
    return { rope, slidingRope: rope };
  }
  const unknown = parameters?.names.find((name) => name !== 'full_attention' && name !== 'sliding_attention');
  if (parameters && unknown !== undefined) {
    throw parameters.refusal(unknown, `${family} has RoPE for full_attention and for sliding_attention`);
  }
  const [full, sliding] = [parameters?.fields('full_attention'), parameters?.fields('sliding_attention')];
  return {
    rope: read({ thetaName: 'rope_theta', defaultTheta: 1_000_000, objects: [full, scaling] }),
    slidingRope: read({ thetaName: 'rope_local_base_freq', defaultTheta: 10_000, objects: [sliding] }),
  };
}

function readRopeConfig(config: ConfigFields, source: RopeSource, maxPositionEmbeddings: number): RopeConfig {
  const theta = config.number(source.thetaName, THETA);
  const readings = source.objects.flatMap((fields) =>
    // Both spellings have {} for "no scaling".
    fields && fields.names.length > 0 ? [readParameters(config, fields, source, maxPositionEmbeddings)] : [],
  );
  if (readings.length === 0) return { theta: theta ?? source.defaultTheta, scaling: { kind: 'none' } };
  const [first, ...others] = readings;
  if (others.some((other) => JSON.stringify(first) !== JSON.stringify(other))) {
    throw new InputError(`${config.file}: rope_parameters and rope_scaling contradict each other`, {
      code: 'E_CONFIG_CONTRADICTION',
      hint: 'remove the one that the model was not trained with',
      details: { file: config.file },
    });
  }
  return first;
}

function readParameters(
  config: ConfigFields,
  fields: ConfigFields,
  { thetaName, defaultTheta }: RopeSource,
  maxPositionEmbeddings: number,
): RopeConfig {
  const [innerTheta, outerTheta] = [fields.number('rope_theta', THETA), config.number(thetaName, THETA)];
  if (innerTheta !== undefined && outerTheta !== undefined && innerTheta !== outerTheta) {
    throw fields.refusal('rope_theta', `the top of the file has ${thetaName} ${outerTheta}`);
  }
  const kind = readKind(fields);
  if (!Object.hasOwn(membersOfKind, kind)) {
    throw fields.refusal(
      fields.has('rope_type') ? 'rope_type' : 'type',
      `known: ${Object.keys(membersOfKind).join(', ')}`,
    );
  }
  const known = [...commonMembers, ...membersOfKind[kind]];
  const unknown = fields.names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw fields.refusal(unknown, `RoPE of kind ${kind} has no such parameter`);
  refusePartialRotation(fields);

  const theta = innerTheta ?? outerTheta ?? defaultTheta;
  const original = originalPositions(config, fields) ?? maxPositionEmbeddings;
  return { theta, scaling: readScaling(kind, fields, original) };
}

function readKind(fields: ConfigFields): string {
  const [newer, older] = [fields.string('rope_type'), fields.string('type')];
  if (newer !== undefined && older !== undefined && newer !== older) {
    throw fields.refusal('rope_type', `type says ${JSON.stringify(older)}`);
  }
  return newer ?? older ?? 'default';
}

/** Models with a stretched context keep the length that they were first trained on, at either place. */
function originalPositions(config: ConfigFields, fields: ConfigFields): number | undefined {
  const name = 'original_max_position_embeddings';
  const [inner, outer] = [fields.integer(name, POSITIONS), config.integer(name, POSITIONS)];
  if (inner !== undefined && outer !== undefined && inner !== outer) {
    throw fields.refusal(name, `the top of the file has ${name} ${outer}`);
  }
  return inner ?? outer;
}

function readScaling(kind: string, fields: ConfigFields, originalMaxPositionEmbeddings: number): RopeScaling {
  switch (kind) {
    case 'linear':
      return { kind, factor: fields.requiredNumber('factor', FACTOR) };
    case 'llama3': {
      const lowFrequencyFactor = fields.requiredNumber('low_freq_factor', POSITIVE);
      const highFrequencyFactor = fields.requiredNumber('high_freq_factor', POSITIVE);
      if (highFrequencyFactor <= lowFrequencyFactor) {
        throw fields.refusal('high_freq_factor', `it must exceed low_freq_factor ${lowFrequencyFactor}`);
      }
      const factor = fields.requiredNumber('factor', FACTOR);
      return { kind, factor, lowFrequencyFactor, highFrequencyFactor, originalMaxPositionEmbeddings };
    }
    case 'yarn':
      return {
        kind,
        factor: fields.requiredNumber('factor', FACTOR),
        originalMaxPositionEmbeddings,
        betaFast: fields.number('beta_fast', POSITIVE) ?? 32,
        betaSlow: fields.number('beta_slow', POSITIVE) ?? 1,
        truncate: fields.boolean('truncate') ?? true,
        attentionFactor: fields.number('attention_factor', POSITIVE),
        mscale: fields.number('mscale', { min: 0, max: POSITIVE.max }),
        mscaleAllDim: fields.number('mscale_all_dim', { min: 0, max: POSITIVE.max }),
      };
    default:
      return { kind: 'none' };
  }
}

function refusePartialRotation(fields: ConfigFields): void {
  if ((fields.number('partial_rotary_factor', { min: 0, max: 1 }) ?? 1) !== 1) {
    throw fields.refusal('partial_rotary_factor', 'only a rotation of the whole head (1) is supported');
  }
}
