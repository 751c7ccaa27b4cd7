import type { Backend } from '../backend.ts';
import type { RowsToQuantize } from '../native/arithmetic.ts';

/** Group sizes that files may have. The last group of a row may be shorter all the same. */
export interface WeightToQuantize extends RowsToQuantize {
  groupSize: 0 | 32 | 64 | 128 | 256;
}

/**
 * Fills codes `[rows, columns]` and scales `[rows, groups]` as docs/numerics.md section 2 has it; rejects with
 * `row R, column C` at the end of the message where the first NaN or infinity stands.
 */
export type WeightQuantizer = (source: WeightToQuantize, codes: Int8Array, scales: Float32Array) => Promise<void>;

/** A backend, with the quantizer of weights that comes with some. */
export type VerifiableBackend = Backend & { quantizeRows?: WeightQuantizer };

/** Where the first weight stands that made a quantizer refuse; undefined if the error says something else. */
export function refusedAt(error: unknown): readonly [row: number, column: number] | undefined {
  const match = error instanceof Error ? /row (\d+), column (\d+)$/.exec(error.message) : null;
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}
