/** What `convert` makes of a checkpoint: bits of the weights, bits of the activations. */
export const modes = ['w8a8', 'w4a8', 'w8a16', 'w4a16'] as const;
export type Mode = (typeof modes)[number];

/** Consecutive k of a row that share a scale; 0 = the whole row (per channel). */
export const groupSizes = [0, 32, 64, 128, 256] as const;
export type GroupSize = (typeof groupSizes)[number];

/** How the absmax that a scale is made from is chosen: docs/numerics.md section 2. */
export type Clip = { kind: 'minmax' } | { kind: 'percentile'; percentile: number } | { kind: 'mse' };

/** Symmetric integer weights: int8 with scale absmax / 127, int4 with scale absmax / 7.5. */
export interface WeightScheme {
  bits: 8 | 4;
  groupSize: GroupSize;
  clip: Clip;
}

/** Rows of a float weight `[rows, columns]`; F16 and BF16 are given as their 16-bit patterns. */
export interface FloatRows {
  dtype: 'F32' | 'F16' | 'BF16';
  data: Float32Array | Uint16Array;
  rows: number;
  columns: number;
}

/** Groups in a row of `columns`; the last one may be shorter. */
export function groupsPerRow(columns: number, groupSize: number): number {
  return groupSize === 0 ? 1 : Math.ceil(columns / groupSize);
}

/** A NaN or infinity among the weights, which no scale can hold. Row and column count from the rows that were given. */
export class NonFiniteWeightError extends Error {
  readonly row: number;
  readonly column: number;
  readonly value: number;

  constructor(row: number, column: number, value: number) {
    super(`weight [${row}, ${column}] is ${value}`);
    this.name = 'NonFiniteWeightError';
    this.row = row;
    this.column = column;
    this.value = value;
  }
}
