import { checkFloatRows, checkLength } from './float-rows.ts';
import { quantizeBf16MinMax } from './quantize-bf16.ts';
import { quantizeFloats } from './quantize-floats.ts';
import { groupsPerRow, type FloatRows, type WeightScheme } from './scheme.ts';

/**
 * Symmetric codes and f32 scales of weight rows: docs/numerics.md section 2. A row's result depends on that row alone,
 * and is bit for bit that of `quantizeRowsReference`.
 *
 * @param source `[rows, columns]`; the last group of a row may be shorter
 * @param codes `[rows, columns]`, one code an element, also at 4 bits
 * @param scales `[rows, groupsPerRow(columns, groupSize)]`
 * @throws NonFiniteWeightError at the first NaN or infinity; codes and scales are then partly written
 * @throws RangeError if lengths, dtype or percentile make no sense
 */
export function quantizeRows(source: FloatRows, scheme: WeightScheme, codes: Int8Array, scales: Float32Array): void {
  checkQuantizeRows(source, scheme, codes, scales);
  const { dtype, data } = source;
  if (dtype === 'BF16' && data instanceof Uint16Array && scheme.clip.kind === 'minmax') {
    quantizeBf16MinMax({ ...source, data }, scheme, codes, scales);
  } else {
    quantizeFloats(source, scheme, codes, scales);
  }
}

/** @throws RangeError as `quantizeRows` describes */
export function checkQuantizeRows(
  source: FloatRows,
  { groupSize, clip }: WeightScheme,
  codes: Int8Array,
  scales: Float32Array,
): void {
  const { rows, columns } = source;
  checkFloatRows('quantizeRows', source);
  checkLength('quantizeRows', 'codes', codes, rows * columns);
  checkLength('quantizeRows', 'scales', scales, rows * groupsPerRow(columns, groupSize));
  if (clip.kind === 'percentile' && !(clip.percentile > 0 && clip.percentile <= 100)) {
    throw new RangeError(`quantizeRows: percentile ${clip.percentile} is not in (0, 100]`);
  }
}
