/** Losses by the unit of a protocol: in nats a token, or a word. */
export interface LossPerUnit {
  mean: number;
  /**
   * Of the mean. It takes the losses of tokens as independent; they are not quite, so that it is a lower bound. NaN with
   * fewer than two of them.
   */
  standardError: number;
  /** Losses added. */
  targets: number;
}

/**
 * Collects losses in nats, or differences of them, window by window. Sums are kept as a mean and squared deviations
 * (West's weighted form of Welford's recurrence), because the difference of two large sums would lose the deviation's
 * digits. The order of the windows decides the last bits.
 */
export class LossAccumulator {
  private count = 0;
  private weight = 0;
  private squaredWeight = 0;
  private units = 0;
  private mean = 0;
  private squaredDeviations = 0;

  /**
   * Adds the losses of a window.
   *
   * @param weight of each of them
   * @param units what they are to be divided by; `losses.length · weight` for a mean a token
   */
  add(losses: ArrayLike<number>, weight: number, units: number): void {
    this.units += units;
    if (weight === 0) return;
    for (let i = 0; i < losses.length; i++) {
      this.count++;
      this.weight += weight;
      this.squaredWeight += weight * weight;
      const deviation = losses[i] - this.mean;
      this.mean += (weight * deviation) / this.weight;
      this.squaredDeviations += weight * deviation * (losses[i] - this.mean);
    }
  }

  /** Σ weight · loss / units, NaN without any. */
  result(): LossPerUnit {
    const { count, weight, units } = this;
    const variance = (this.squaredDeviations / weight) * (count / (count - 1));
    return {
      mean: units > 0 ? this.mean * (weight / units) : NaN,
      standardError: units > 0 && count > 1 ? Math.sqrt(this.squaredWeight * variance) / units : NaN,
      targets: count,
    };
  }
}

/** The losses of consecutive windows, as far as there are any. */
export function accumulateLosses(
  losses: readonly ArrayLike<number>[],
  windows: readonly { weight: number; units: number }[],
): LossPerUnit {
  const total = new LossAccumulator();
  for (const [index, own] of losses.entries()) total.add(own, windows[index].weight, windows[index].units);
  return total.result();
}

export interface Perplexity {
  perplexity: number;
  /** Standard error of `perplexity` by the delta method: `perplexity` times that of its logarithm. */
  standardError: number;
}

export function perplexityOf({ mean, standardError }: LossPerUnit): Perplexity {
  const perplexity = Math.exp(mean);
  return { perplexity, standardError: perplexity * standardError };
}
