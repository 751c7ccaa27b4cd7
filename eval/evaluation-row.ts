import { accumulateLosses, perplexityOf, type LossPerUnit } from './perplexity/accumulator.ts';
import { compare, type LogRatio } from './perplexity/comparison.ts';
import { summarizeDivergence, type DivergenceSummary } from './perplexity/divergence-summary.ts';
import type { PreparedText, Window } from './perplexity/protocol.ts';
import { groupByConfiguration, type WindowResult } from './perplexity/window-result.ts';

/** One row of the table: what a configuration costs and gains. */
export interface EvaluationRow {
  config: string;
  /** Windows that the values are of: fewer than the text has if the run was interrupted. */
  windows: number;
  /** As the protocol defines it: by tokens, or under protocol "word" by words. */
  perplexity: number;
  /** Of the perplexity, by the delta method. */
  standardError: number;
  /** Under protocol "word" only. */
  bytePerplexity?: number;
  bitsPerByte?: number;
  /** Change of the perplexity against the first row on the same windows, in per cent. */
  deltaPercent: number;
  /** Against the first row on the same windows; none in the first row. */
  comparison?: LogRatio;
  /** If divergences were measured; none in the first row. */
  divergence?: DivergenceSummary;
  /** Time of the forward passes and losses; loading, quantizing and comparing are not part of it. */
  seconds: number;
  /** Tokens fed in one of these seconds. */
  tokensPerSecond: number;
  /** Peak resident memory of the process while this configuration was loaded and run. */
  peakMemoryBytes: number;
  /** Weights in their stored form. */
  modelBytes: number;
}

/**
 * The rows of the configurations that have results, complete or not.
 *
 * @param results as `evaluate` reports them: those of the first configuration first, windows from 0 on
 */
export function evaluationRows(text: PreparedText, results: readonly WindowResult[]): EvaluationRow[] {
  const byConfiguration = groupByConfiguration(results);
  const [first] = byConfiguration.values();
  return [...byConfiguration].map(([config, own]) => {
    const windows = text.windows.slice(0, own.length);
    const losses = accumulateLosses(lossesOf(own), windows);
    return {
      config,
      windows: own.length,
      ...perplexityOf(losses),
      ...(text.protocol.name === 'word' ? byBytes(losses, windows) : {}),
      ...(own === first ? { deltaPercent: 0 } : against(first, own, windows)),
      ...costOf(own, windows),
    };
  });
}

type ByBytes = Required<Pick<EvaluationRow, 'bytePerplexity' | 'bitsPerByte'>>;

/** The losses, which are by words, divided by bytes instead. */
function byBytes(losses: LossPerUnit, windows: readonly Window[]): ByBytes {
  const words = windows.reduce((sum, { units }) => sum + units, 0);
  const bytes = windows.reduce((sum, window) => sum + (window.bytes ?? 0), 0);
  const perByte = losses.mean * (words / bytes);
  return { bytePerplexity: Math.exp(perByte), bitsPerByte: perByte / Math.LN2 };
}

function against(
  first: readonly WindowResult[],
  own: readonly WindowResult[],
  windows: readonly Window[],
): Pick<EvaluationRow, 'deltaPercent' | 'comparison' | 'divergence'> {
  const { deltaPercent, ...comparison } = compare(lossesOf(own), lossesOf(first), windows);
  const comparisons = own.flatMap((result) => result.divergence ?? []);
  if (comparisons.length < own.length) return { deltaPercent, comparison };
  return { deltaPercent, comparison, divergence: summarizeDivergence(comparisons) };
}

const lossesOf = (results: readonly WindowResult[]): Float32Array[] => results.map(({ losses }) => losses);

function costOf(
  results: readonly WindowResult[],
  windows: readonly Window[],
): Pick<EvaluationRow, 'seconds' | 'tokensPerSecond' | 'peakMemoryBytes' | 'modelBytes'> {
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  const tokens = windows.reduce((sum, { tokenIds }) => sum + tokenIds.length - 1, 0);
  return {
    seconds,
    tokensPerSecond: tokens / seconds,
    peakMemoryBytes: Math.max(...results.map((result) => result.peakMemoryBytes)),
    modelBytes: results[0].modelBytes,
  };
}
