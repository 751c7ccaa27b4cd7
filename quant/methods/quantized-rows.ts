import { codeRanges, type CodeRange } from '../schemes/code-range.ts';
import { quantizeRows } from '../schemes/quantize-rows.ts';
import { groupsPerRow, type WeightScheme } from '../schemes/scheme.ts';

/** Rows of a weight while their codes and scales are being chosen. */
export interface QuantizedRows {
  readonly rows: number;
  readonly columns: number;
  readonly range: CodeRange;
  /** Columns of a group; all of them per channel. */
  readonly groupSize: number;
  readonly groups: number;
  /** `[rows, columns]` */
  readonly codes: Int8Array;
  /** `[rows, groups]`; 0 for a group that has no scale and only codes 0. A file holds 1 there. */
  readonly scales: Float32Array;
}

export function emptyRows(rows: number, columns: number, { bits, groupSize }: WeightScheme): QuantizedRows {
  const groups = groupsPerRow(columns, groupSize);
  return {
    rows,
    columns,
    range: codeRanges[bits],
    groupSize: groupSize || columns,
    groups,
    codes: new Int8Array(rows * columns),
    scales: new Float32Array(rows * groups),
  };
}

/** Codes and scales by `quantizeRows`: each weight is rounded by itself. */
export function roundRows(values: Float32Array, rows: number, columns: number, scheme: WeightScheme): QuantizedRows {
  const rounded = emptyRows(rows, columns, scheme);
  const { codes, scales, groups, groupSize } = rounded;
  quantizeRows({ dtype: 'F32', data: values, rows, columns }, scheme, codes, scales);
  for (let n = 0; n < rows; n++) {
    for (let g = 0; g < groups; g++) {
      // A scale leaves the largest weight at least one step, so that only groups without one have no other code than 0.
      const from = n * columns + g * groupSize;
      const to = Math.min(from + groupSize, (n + 1) * columns);
      if (codes.subarray(from, to).every((code) => code === 0)) scales[n * groups + g] = 0;
    }
  }
  return rounded;
}

/** ΔW = W - scale · code, `[rows, columns]`; f64 holds the product exactly. */
export function differences(weight: Float64Array, quantized: QuantizedRows): Float64Array {
  const { rows, columns, groups, groupSize, codes, scales } = quantized;
  const delta = weight.slice();
  for (let n = 0; n < rows; n++) {
    for (let g = 0; g < groups; g++) {
      const scale = scales[n * groups + g];
      const from = n * columns + g * groupSize;
      const to = Math.min(from + groupSize, (n + 1) * columns);
      for (let i = from; i < to; i++) delta[i] -= scale * codes[i];
    }
  }
  return delta;
}

/** Scales and what quotients by them are multiplied by, `[groups, rows]`: loops over rows meet them in order. */
export interface ScaleColumns {
  readonly scales: Float64Array;
  /** 1 / scale; 0 without a scale, so that the code is 0. */
  readonly inverses: Float64Array;
}

export function scaleColumns({ rows, groups, scales }: QuantizedRows): ScaleColumns {
  const transposed = new Float64Array(groups * rows);
  for (let n = 0; n < rows; n++) {
    for (let g = 0; g < groups; g++) transposed[g * rows + n] = scales[n * groups + g];
  }
  return { scales: transposed, inverses: transposed.map((scale) => (scale === 0 ? 0 : 1 / scale)) };
}

/** Rows of `candidate` replace those of `best` whose error is larger, and `errors` becomes the lesser of each row. */
export function keepBetterRows(
  best: QuantizedRows,
  errors: Float64Array,
  candidate: QuantizedRows,
  candidateErrors: Float64Array,
): void {
  const { rows, columns, groups } = best;
  for (let n = 0; n < rows; n++) {
    if (!(candidateErrors[n] < errors[n])) continue;
    errors[n] = candidateErrors[n];
    best.codes.set(candidate.codes.subarray(n * columns, (n + 1) * columns), n * columns);
    best.scales.set(candidate.scales.subarray(n * groups, (n + 1) * groups), n * groups);
  }
}
