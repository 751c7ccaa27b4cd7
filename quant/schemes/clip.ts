import { groupScale, type CodeRange } from './code-range.ts';
import type { WideRow } from './float-rows.ts';
import { MagnitudeSelector } from './order-statistics.ts';
import { squaredError } from './squared-error.ts';
import type { Clip } from './scheme.ts';

/** The absmax, an f32, that elements `from … to` of a row are scaled by; `absmax` is their largest magnitude. */
type AbsmaxRule = (row: WideRow, from: number, to: number, absmax: number) => number;

export function absmaxRule(clip: Clip, range: CodeRange): AbsmaxRule {
  switch (clip.kind) {
    case 'minmax':
      return (_row, _from, _to, absmax) => absmax;
    case 'percentile': {
      const selector = new MagnitudeSelector();
      return (row, from, to) => percentileMagnitude(selector, row.bits.subarray(from, to), clip.percentile);
    }
    case 'mse':
      return (row, from, to, absmax) => leastErrorAbsmax(row.values.subarray(from, to), absmax, range);
  }
}

/**
 * The percentile of the magnitudes as `numpy.percentile` has it (method "linear", on float64): position
 * (n - 1) · p / 100 between the order statistics, interpolated from the nearer one in float64, then rounded to f32.
 */
function percentileMagnitude(selector: MagnitudeSelector, bits: Int32Array, percentile: number): number {
  if (bits.length === 0) return 0;
  const position = (bits.length - 1) * (percentile / 100);
  const rank = Math.floor(position);
  const { lower, upper } = selector.neighbours(bits, rank);
  return Math.fround(interpolate(lower, upper, position - rank));
}

/** The form of numpy's `_lerp`: exact at both ends. */
export function interpolate(lower: number, upper: number, fraction: number): number {
  const difference = upper - lower;
  return fraction < 0.5 ? lower + difference * fraction : upper - difference * (1 - fraction);
}

/**
 * Multipliers of absmax that `--clip mse` tries, largest first, in 64ths, which are exact. Chosen by a scan in steps of
 * 0.005 over normal, Laplace and Student's t weights (3 and 4 degrees of freedom) in rows of 64 … 14336: int8 gains
 * only near 1, up to 7 % of the squared error in the longest rows, and wants fine steps; int4 gains down to 3/4 in
 * groups of 128 and down to 1/8 in the longest rows with heavy tails, where the minimum is broad in proportion. For
 * int4 the grid comes within 1 % of the scan.
 */
export const clipMultipliers: readonly number[] = [
  ...descending(64, 48, 1),
  ...descending(46, 32, 2),
  ...descending(28, 8, 4),
].map((numerator) => numerator / 64);

function descending(first: number, last: number, step: number): number[] {
  return Array.from({ length: (first - last) / step + 1 }, (_, i) => first - i * step);
}

/** Ties go to the larger multiplier: a later, smaller one has to be strictly better. */
function leastErrorAbsmax(values: Float32Array, absmax: number, range: CodeRange): number {
  let best = absmax;
  let leastError = Infinity;
  for (const multiplier of clipMultipliers) {
    const candidate = Math.fround(absmax * multiplier);
    const scale = groupScale(candidate, range);
    if (scale === 0) break;
    const error = squaredError(values, scale, range, leastError);
    if (error < leastError) {
      leastError = error;
      best = candidate;
    }
  }
  return best;
}
