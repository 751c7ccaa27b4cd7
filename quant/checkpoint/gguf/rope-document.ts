import { failGguf } from './failure.ts';
import type { GgufMetadata } from './metadata.ts';
import { findLlama3Scaling } from './rope-factors.ts';

/** ggml's tensor of factors that frequencies are divided by. */
export const ROPE_FACTORS = 'rope_freqs.weight';

/** Theta where the file has none. */
const DEFAULT_THETA = 10_000;

export interface RopeSource {
  metadata: GgufMetadata;
  /** What keys begin with: `llama`. */
  architecture: string;
  headDim: number;
  /** `ROPE_FACTORS`, if the file has it. */
  factors: RopeFactors | undefined;
}

/** A tensor of factors that is not read before its size is known to be right. */
export interface RopeFactors {
  count: number;
  read: () => Float32Array;
}

/** Members of config.json. */
export interface RopeMembers {
  rope_theta: number;
  rope_scaling: Readonly<Record<string, string | number>> | null;
}

/**
 * Rotary position embedding in the words of config.json.
 *
 * @throws InputError `E_GGUF_KEY` for a rotation that config.json has no words for
 */
export function ropeMembers({ metadata, architecture, headDim, factors }: RopeSource): RopeMembers {
  const key = (name: string): string => `${architecture}.rope.${name}`;
  const rotated = metadata.integer(key('dimension_count')) ?? headDim;
  if (rotated !== headDim) {
    metadata.refuse(key('dimension_count'), `only a rotation of the whole head of ${headDim} is supported`);
  }
  const theta = metadata.number(key('freq_base')) ?? DEFAULT_THETA;
  const scaling = scalingByKeys(metadata, key);
  const factored = factors && scalingByFactors(metadata, factors, theta, headDim);
  if (scaling && factored) metadata.refuse(key('scaling.type'), `${ROPE_FACTORS} scales the rotation too`);
  return { rope_theta: theta, rope_scaling: factored ?? scaling };
}

/** null where all factors are 1. */
function scalingByFactors(
  metadata: GgufMetadata,
  { count, read }: RopeFactors,
  theta: number,
  headDim: number,
): RopeMembers['rope_scaling'] {
  const factors = count === headDim / 2 ? read() : new Float32Array(0);
  if (factors.length > 0 && factors.every((factor) => factor === 1)) return null;
  const found = findLlama3Scaling(factors, theta, headDim);
  if (!found) {
    failGguf(
      metadata.file,
      'E_GGUF_ROPE_FACTORS',
      `the ${count} factors of ${ROPE_FACTORS} are not those of a llama3 scaling of theta ${theta}`,
      { tensor: ROPE_FACTORS, value: theta },
    );
  }
  return {
    rope_type: found.kind,
    factor: found.factor,
    low_freq_factor: found.lowFrequencyFactor,
    high_freq_factor: found.highFrequencyFactor,
    original_max_position_embeddings: found.originalMaxPositionEmbeddings,
  };
}

/** Members of `scaling.` that would change the rotation in ways that config.json cannot say, and what does not. */
const neutral: Readonly<Record<string, number>> = {
  'scaling.alpha': 0,
  'scaling.attn_factor': 1,
  'scaling.yarn_ext_factor': 1,
  'scaling.yarn_log_multiplier': 0,
  scale_linear: 1,
};

function scalingByKeys(metadata: GgufMetadata, key: (name: string) => string): RopeMembers['rope_scaling'] {
  for (const [name, value] of Object.entries(neutral)) {
    if ((metadata.number(key(name)) ?? value) !== value) metadata.refuse(key(name), `only ${value} is supported`);
  }
  const type = metadata.string(key('scaling.type')) ?? 'none';
  const required = (name: string): number => metadata.required(key(name), metadata.number(key(name)));
  switch (type) {
    case 'none':
      return null;
    case 'linear':
      return { rope_type: type, factor: required('scaling.factor') };
    case 'yarn': {
      // Converters write transformers' final factor under this key, and ggml multiplies one of its own by it.
      if (metadata.has(key('scaling.yarn_attn_factor'))) {
        metadata.refuse(key('scaling.yarn_attn_factor'), 'what it multiplies depends on who wrote it');
      }
      const [fast, slow] = [
        metadata.number(key('scaling.yarn_beta_fast')),
        metadata.number(key('scaling.yarn_beta_slow')),
      ];
      return {
        rope_type: type,
        factor: required('scaling.factor'),
        original_max_position_embeddings: required('scaling.original_context_length'),
        ...(fast === undefined ? {} : { beta_fast: fast }),
        ...(slow === undefined ? {} : { beta_slow: slow }),
      };
    }
    default:
      return metadata.refuse(key('scaling.type'), 'known: none, linear, yarn');
  }
}
