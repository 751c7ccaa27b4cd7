import { checkLength } from './float-rows.ts';
import { groupsPerRow } from './scheme.ts';

/**
 * `target[n, k] = scale · code`, one f32 operation: the weights that symmetric codes stand for.
 *
 * @param codes `[rows, columns]`
 * @param scales `[rows, groupsPerRow(columns, groupSize)]`
 * @throws RangeError if a length does not fit
 */
export function dequantizeRows(
  codes: Int8Array,
  scales: Float32Array,
  rows: number,
  columns: number,
  groupSize: number,
  target: Float32Array,
): void {
  const groups = groupsPerRow(columns, groupSize);
  checkLength('dequantizeRows', 'codes', codes, rows * columns);
  checkLength('dequantizeRows', 'scales', scales, rows * groups);
  checkLength('dequantizeRows', 'target', target, rows * columns);
  for (let n = 0; n < rows; n++) {
    for (let g = 0; g < groups; g++) {
      const scale = scales[n * groups + g];
      const from = n * columns + g * groupSize;
      const to = groupSize === 0 ? from + columns : Math.min(from + groupSize, (n + 1) * columns);
      for (let k = from; k < to; k++) target[k] = codes[k] * scale;
    }
  }
}
