import { concatenate } from './concatenate.ts';

/** How far distributions of a window are from those of the first configuration. */
export interface WindowDivergence {
  /** KL divergence in nats of each scored token's distribution from that of the first configuration. */
  divergences: Float32Array;
  /** Scored tokens at which the likeliest token is that of the first configuration. */
  sameTop: number;
}

/** The same over all scored tokens. */
export interface DivergenceSummary {
  /** Of the KL divergences; all values of them are in nats. */
  mean: number;
  /** Of the mean. */
  standardError: number;
  median: number;
  /** 99th percentile. */
  percentile99: number;
  max: number;
  /** Share of the tokens for which both configurations hold the same token for the likeliest. */
  topAgreement: number;
  /** Of `topAgreement`. */
  topAgreementStandardError: number;
}

export function summarizeDivergence(windows: readonly WindowDivergence[]): DivergenceSummary {
  const sorted = concatenate(windows.map(({ divergences }) => divergences)).sort();
  const count = sorted.length;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / count;
  const squaredDeviations = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const topAgreement = windows.reduce((sum, { sameTop }) => sum + sameTop, 0) / count;
  return {
    mean,
    standardError: Math.sqrt(squaredDeviations / (count - 1) / count),
    median: quantile(sorted, 0.5),
    percentile99: quantile(sorted, 0.99),
    max: quantile(sorted, 1),
    topAgreement,
    topAgreementStandardError: Math.sqrt((topAgreement * (1 - topAgreement)) / (count - 1)),
  };
}

/** By linear interpolation between order statistics. */
function quantile(sorted: Float32Array, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}
