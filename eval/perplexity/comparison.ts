import { LossAccumulator } from './accumulator.ts';
import type { Window } from './protocol.ts';

/** Two perplexities over the same tokens, paired token by token. */
export interface LogRatio {
  /** ln of the one perplexity over the other. */
  logRatio: number;
  /**
   * Of `logRatio`, from the differences of the losses of each token. It is far less than the standard errors of the
   * perplexities make one think, because the same tokens are hard for both.
   */
  standardError: number;
}

export interface Comparison extends LogRatio {
  /** Change of the perplexity in per cent. */
  deltaPercent: number;
}

/** Losses of consecutive windows from the first one on: `[windows][scored tokens]`. */
export type WindowLosses = readonly Float32Array[];

/** What the losses of a window count. */
export type WindowWeight = Pick<Window, 'weight' | 'units'>;

/** Compares over the windows that both have. */
export function compare(losses: WindowLosses, other: WindowLosses, windows: readonly WindowWeight[]): Comparison {
  const differences = new LossAccumulator();
  for (let index = 0; index < Math.min(losses.length, other.length); index++) {
    const [own, reference] = [losses[index], other[index]];
    const { weight, units } = windows[index];
    differences.add(
      Float64Array.from(own, (loss, i) => loss - reference[i]),
      weight,
      units,
    );
  }
  const { mean, standardError } = differences.result();
  return { logRatio: mean, standardError, deltaPercent: 100 * Math.expm1(mean) };
}
