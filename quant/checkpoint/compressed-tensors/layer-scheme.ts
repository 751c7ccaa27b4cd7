/** How the linear layers of one group of a compressed-tensors configuration are quantized. */
export interface LayerScheme {
  /** Undefined if their weights stay float. */
  weights: WeightScheme | undefined;
  inputs: InputScheme;
}

/** How the codes of a weight are found and stored. */
export interface WeightScheme {
  bits: CodeBits;
  /** Without zero points. */
  isSymmetric: boolean;
  strategy: 'tensor' | 'channel' | 'group';
  /** Consecutive columns that share a scale; 0 unless the strategy is `group`. */
  groupSize: number;
  /** Codes in words (`weight_packed`), or one a byte (`weight`). */
  isPacked: boolean;
  /** Whether each column says which group it belongs to (`weight_g_idx`). */
  hasColumnGroups: boolean;
}

export type CodeBits = 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** What becomes of the inputs of a layer: nothing, int8 per token when it runs, or what is only known by name. */
export type InputScheme = { kind: 'float' } | { kind: 'int8' } | { kind: 'other'; what: string };

/**
 * Whether layers are computed with integers, inputs included; other codes are widened before a float product. Codes of 7
 * bits are among those of 8.
 */
export function isComputedWithIntegers({ weights, inputs }: LayerScheme): boolean {
  if (!weights || inputs.kind !== 'int8') return false;
  const { bits, isSymmetric, hasColumnGroups } = weights;
  return isSymmetric && !hasColumnGroups && (bits === 4 || bits >= 7);
}

/** `w4a8`, `w4a16`: bits of the weights, and of the inputs as they are evaluated. */
export function modeOf(scheme: LayerScheme & { weights: WeightScheme }): string {
  return `w${scheme.weights.bits}a${isComputedWithIntegers(scheme) ? 8 : 16}`;
}

/** `groups of 128`, `per channel, asymmetric`. */
export function describeGrid({ strategy, groupSize, isSymmetric, hasColumnGroups }: WeightScheme): string {
  const grids = { tensor: 'per tensor', channel: 'per channel', group: `groups of ${groupSize}` };
  return [grids[strategy], isSymmetric ? '' : 'asymmetric', hasColumnGroups ? 'columns in another order' : '']
    .filter((part) => part !== '')
    .join(', ');
}

/** What follows the mode in the name of a row: `-g128`, `-g128-asym`, nothing for symmetric codes per channel. */
export function gridSuffix({ strategy, groupSize, isSymmetric }: WeightScheme): string {
  const grids = { tensor: '-tensor', channel: '', group: `-g${groupSize}` };
  return grids[strategy] + (isSymmetric ? '' : '-asym');
}
