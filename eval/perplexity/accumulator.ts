export interface Perplexity {
  perplexity: number;
  /**
   * Standard error of `perplexity` by the delta method, `perplexity · s / sqrt(n)`, with s the standard deviation of
   * the n losses. It takes the losses of tokens as independent; they are not quite, so that it is a lower bound.
   */
  standardError: number;
  /** Targets scored. */
  targets: number;
}

/**
 * Collects losses in nats and gives exp of their mean. All windows of protocol "gptq" score equally many targets, so
 * that this is also exp of the mean of the windows' means. Sums are kept as mean and squared deviations (Welford),
 * because the difference of two large sums would lose the deviation's digits.
 */
export class PerplexityAccumulator {
  private count = 0;
  private mean = 0;
  private squaredDeviations = 0;

  /** Adds the losses of a window's targets. */
  add(losses: Float64Array): void {
    for (const loss of losses) {
      this.count++;
      const deviation = loss - this.mean;
      this.mean += deviation / this.count;
      this.squaredDeviations += deviation * (loss - this.mean);
    }
  }

  /** NaN without any target; the error is NaN with fewer than two. */
  result(): Perplexity {
    const { count } = this;
    const perplexity = count > 0 ? Math.exp(this.mean) : NaN;
    const deviation = Math.sqrt(this.squaredDeviations / (count - 1));
    return { perplexity, standardError: count > 1 ? (perplexity * deviation) / Math.sqrt(count) : NaN, targets: count };
  }
}
