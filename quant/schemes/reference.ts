import { rint } from '../../kernels/reference/rounding.ts';
import { clipMultipliers, interpolate } from './clip.ts';
import { codeRanges, groupScale, type CodeRange } from './code-range.ts';
import { nonFiniteWeightFrom, valueAt } from './float-rows.ts';
import { checkQuantizeRows } from './quantize-rows.ts';
import { groupsPerRow, type Clip, type FloatRows, type WeightScheme } from './scheme.ts';

/** What `quantizeRows` computes, as docs/numerics.md section 2 writes it: slow, obvious, and what it is tested with. */
export function quantizeRowsReference(
  source: FloatRows,
  scheme: WeightScheme,
  codes: Int8Array,
  scales: Float32Array,
): void {
  checkQuantizeRows(source, scheme, codes, scales);
  const { rows, columns } = source;
  const range = codeRanges[scheme.bits];
  const groups = groupsPerRow(columns, scheme.groupSize);
  const groupSize = scheme.groupSize || columns;
  for (let n = 0; n < rows; n++) {
    for (let g = 0; g < groups; g++) {
      const from = n * columns + g * groupSize;
      const to = Math.min(from + groupSize, (n + 1) * columns);
      const weights = Float32Array.from({ length: to - from }, (_, k) => valueAt(source, from + k));
      if (!weights.every(Number.isFinite)) throw nonFiniteWeightFrom(source, from);
      const scale = groupScale(chosenAbsmax(weights, scheme.clip, range), range);
      scales[n * groups + g] = scale || 1;
      codes.set(scale === 0 ? new Int8Array(weights.length) : codesOf(weights, scale, range), from);
    }
  }
}

const codesOf = (weights: Float32Array, scale: number, { lowest, highest }: CodeRange): Int8Array =>
  Int8Array.from(weights, (weight) => Math.min(Math.max(rint(Math.fround(weight / scale)), lowest), highest));

function chosenAbsmax(weights: Float32Array, clip: Clip, range: CodeRange): number {
  const magnitudes = weights.map(Math.abs).sort();
  const absmax = magnitudes.at(-1) ?? 0;
  switch (clip.kind) {
    case 'minmax':
      return absmax;
    case 'percentile': {
      const position = (magnitudes.length - 1) * (clip.percentile / 100);
      const rank = Math.floor(position);
      const lower = magnitudes.at(rank) ?? 0;
      return Math.fround(interpolate(lower, magnitudes.at(rank + 1) ?? lower, position - rank));
    }
    case 'mse': {
      const candidates = clipMultipliers.map((multiplier) => Math.fround(absmax * multiplier));
      const errors = candidates.map((candidate) => quantizationError(weights, groupScale(candidate, range), range));
      return candidates[errors.indexOf(Math.min(...errors))];
    }
  }
}

/** Σ (weight - scale · code)² in float64, in ascending order; without a scale all codes are 0. */
function quantizationError(weights: Float32Array, scale: number, range: CodeRange): number {
  const codes = scale === 0 ? new Int8Array(weights.length) : codesOf(weights, scale, range);
  return weights.reduce((sum, weight, k) => sum + (weight - scale * codes[k]) ** 2, 0);
}
