import type { WindowDivergence } from './divergence-summary.ts';

/** What one window gave under one configuration: all that is needed to go on without computing it again. */
export interface WindowResult {
  /** Name of the configuration. */
  config: string;
  /** Index of the window; those of a configuration follow one another from 0 on. */
  window: number;
  /** Negative log-likelihood in nats of each scored token. */
  losses: Float32Array;
  /** Against the first configuration, if it was asked for. */
  divergence?: WindowDivergence;
  /** Time of the forward pass and the losses. */
  seconds: number;
  /** Peak resident memory of the process since the configuration began to load. */
  peakMemoryBytes: number;
  /** Weights in their stored form. */
  modelBytes: number;
}

/** Results by the name of their configuration, in the order of the first of each. */
export function groupByConfiguration(results: readonly WindowResult[]): Map<string, WindowResult[]> {
  const groups = new Map<string, WindowResult[]>();
  for (const result of results) {
    const group = groups.get(result.config);
    if (group) group.push(result);
    else groups.set(result.config, [result]);
  }
  return groups;
}
