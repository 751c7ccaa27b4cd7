import type { IntegerWeight } from '../backend.ts';
import { tileRows, tileSize } from './inner-products.ts';
import { groupCount } from './product.ts';

/** Rows of an output that is being computed: `[rows, columns]`. */
export interface OutputBlock {
  values: Float32Array;
  rows: number;
  columns: number;
}

/** Makes outputs of a tile's sums (product.ts) and stores them as f32; the tile starts at [row, column]. */
export type Epilogue = (row: number, column: number, sums: Float64Array) => void;

/** Float product: sum and bias are rounded to f32 once, together. */
export function floatEpilogue(out: OutputBlock, bias: Float32Array | undefined): Epilogue {
  const { values, rows, columns } = out;
  return (row, column, sums) => {
    const rowEnd = Math.min(row + tileRows, rows);
    const columnEnd = Math.min(column + tileRows, columns);
    for (let m = row; m < rowEnd; m++) {
      for (let n = column; n < columnEnd; n++) {
        const sum = sums[tileRows * (m - row) + n - column];
        values[m * columns + n] = bias ? sum + bias[n] : sum;
      }
    }
  };
}

/** A single row of floats times codes (docs/numerics.md section 5): scaled in float64 and rounded once. */
export function decodeEpilogue(out: OutputBlock, weight: IntegerWeight): Epilogue {
  const { scales, bias } = weight;
  const groups = groupCount(weight.inFeatures, weight.groupSize);
  return (_row, column, sums) => {
    const columnEnd = Math.min(column + tileRows, out.columns);
    for (let n = column; n < columnEnd; n++) {
      let y = bias ? bias[n] : 0;
      for (let group = 0; group < groups; group++) {
        y += scales[n * groups + group] * sums[tileSize * group + n - column];
      }
      out.values[n] = y;
    }
  };
}

/** Codes times codes with a scale a row (docs/numerics.md section 4): f32 operations in exactly the order written there. */
export function channelEpilogue(out: OutputBlock, weight: IntegerWeight, activationScales: Float32Array): Epilogue {
  const { fround } = Math;
  const { values, rows, columns } = out;
  const { scales, bias } = weight;
  return (row, column, sums) => {
    const rowEnd = Math.min(row + tileRows, rows);
    const columnEnd = Math.min(column + tileRows, columns);
    for (let m = row; m < rowEnd; m++) {
      for (let n = column; n < columnEnd; n++) {
        const sum = fround(sums[tileRows * (m - row) + n - column]);
        const y = fround(fround(sum * activationScales[m]) * scales[n]);
        values[m * columns + n] = bias ? y + bias[n] : y;
      }
    }
  };
}

/** The same with a scale a group. The four rows of a tile go side by side, so that no addition waits for the last. */
export function groupEpilogue(out: OutputBlock, weight: IntegerWeight, activationScales: Float32Array): Epilogue {
  const { fround } = Math;
  const { values, rows, columns } = out;
  const { scales, bias } = weight;
  const groups = groupCount(weight.inFeatures, weight.groupSize);
  const store = (m: number, n: number, r: number): void => {
    if (m >= rows) return;
    const y = fround(r * activationScales[m]);
    values[m * columns + n] = bias ? y + bias[n] : y;
  };
  return (row, column, sums) => {
    const columnEnd = Math.min(column + tileRows, columns);
    for (let n = column; n < columnEnd; n++) {
      let r0 = 0;
      let r1 = 0;
      let r2 = 0;
      let r3 = 0;
      for (let group = 0; group < groups; group++) {
        const at = tileSize * group + n - column;
        const scale = scales[n * groups + group];
        r0 = fround(r0 + fround(fround(sums[at]) * scale));
        r1 = fround(r1 + fround(fround(sums[at + tileRows]) * scale));
        r2 = fround(r2 + fround(fround(sums[at + 2 * tileRows]) * scale));
        r3 = fround(r3 + fround(fround(sums[at + 3 * tileRows]) * scale));
      }
      store(row, n, r0);
      store(row + 1, n, r1);
      store(row + 2, n, r2);
      store(row + 3, n, r3);
    }
  };
}
