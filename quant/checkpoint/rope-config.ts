import { InputError } from '../errors.ts';
import { type ConfigFields, type Range } from './config-fields.ts';

/** Rotary position embedding as the configuration asks for it; `eval/model/rope.ts` computes the frequencies. */
export interface RopeConfig {
  /** Base of the geometric series of frequencies. */
  theta: number;
  scaling: RopeScaling;
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

/** transformers' `default_theta`; all of the supported families share it. */
const DEFAULT_THETA = 10_000;

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

/**
 * Reads RoPE in the spelling of transformers 4 (`rope_theta`, `rope_scaling`) or 5 (`rope_parameters`). A file that
 * has both must mean the same by both. `config` is the top of config.json.
 */
export function readRopeConfig(config: ConfigFields, maxPositionEmbeddings: number): RopeConfig {
  refusePartialRotation(config);
  const theta = config.number('rope_theta', THETA);
  const readings = ['rope_parameters', 'rope_scaling'].flatMap((name) => {
    const fields = config.fields(name);
    // Both spellings have {} for "no scaling".
    return fields && fields.names.length > 0 ? [readParameters(config, fields, theta, maxPositionEmbeddings)] : [];
  });
  if (readings.length === 0) return { theta: theta ?? DEFAULT_THETA, scaling: { kind: 'none' } };
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
  outerTheta: number | undefined,
  maxPositionEmbeddings: number,
): RopeConfig {
  const innerTheta = fields.number('rope_theta', THETA);
  if (innerTheta !== undefined && outerTheta !== undefined && innerTheta !== outerTheta) {
    throw fields.refusal('rope_theta', `the top of the file has rope_theta ${outerTheta}`);
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

  const theta = innerTheta ?? outerTheta ?? DEFAULT_THETA;
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
