/** How MLX stores a weight: `affine` integers, or floats of 4 and 8 bits that share a scale. */
export const mlxModes = ['affine', 'mxfp4', 'mxfp8', 'nvfp4'] as const;
export type MlxMode = (typeof mlxModes)[number];

const mlxBits = [2, 3, 4, 5, 6, 8] as const;
export type MlxBits = (typeof mlxBits)[number];

/** Consecutive k that share a scale. */
export type MlxGroupSize = 16 | 32 | 64 | 128;

/** Of one module. */
export interface MlxScheme {
  mode: MlxMode;
  bits: MlxBits;
  groupSize: MlxGroupSize;
}

interface ModeRule {
  bits: readonly MlxBits[];
  groupSizes: readonly MlxGroupSize[];
  /** What a module has that is named without them. */
  defaults: Omit<MlxScheme, 'mode'>;
}

/** What MLX accepts in each mode (1 bit, which its newest releases know, aside). */
export const modeRules: Readonly<Record<MlxMode, ModeRule>> = {
  affine: { bits: mlxBits, groupSizes: [32, 64, 128], defaults: { bits: 4, groupSize: 64 } },
  mxfp4: { bits: [4], groupSizes: [32], defaults: { bits: 4, groupSize: 32 } },
  mxfp8: { bits: [8], groupSizes: [32], defaults: { bits: 8, groupSize: 32 } },
  nvfp4: { bits: [4], groupSizes: [16], defaults: { bits: 4, groupSize: 16 } },
};

/** For people: `affine 4 bit, groups of 64`; `mxfp4`. */
export const describeMlxScheme = ({ mode, bits, groupSize }: MlxScheme): string =>
  mode === 'affine' ? `affine ${bits} bit, groups of ${groupSize}` : mode;

/** The same as one word: `q4-g64`; `mxfp4`. */
export const mlxSchemeName = ({ mode, bits, groupSize }: MlxScheme): string =>
  mode === 'affine' ? `q${bits}-g${groupSize}` : mode;
