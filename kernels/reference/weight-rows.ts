import { widenInto } from './float-formats.ts';
import { tileRows } from './inner-products.ts';
import { packRow } from './panel.ts';
import { groupCount } from './product.ts';
import type { LoadedWeight } from './weight.ts';

/** Row `row` as f32 `[K]`: `code · scale` of integer weights, `scale · code + bias` of affine ones. */
export function widenRow(weight: LoadedWeight, row: number, into: Float32Array): void {
  const k = weight.inFeatures;
  const start = row * k;
  if (weight.kind === 'dense') {
    const data = weight.data.subarray(start, start + k);
    widenInto(weight.dtype, new Uint8Array(data.buffer, data.byteOffset, data.byteLength), into);
    return;
  }
  const groups = groupCount(k, weight.groupSize);
  for (let group = 0; group < groups; group++) {
    const begin = group * weight.groupSize;
    const end = group === groups - 1 ? k : begin + weight.groupSize;
    const scale = weight.scales[row * groups + group];
    const bias = weight.kind === 'affine' ? weight.biases[row * groups + group] : 0;
    for (let i = begin; i < end; i++) into[i] = Math.fround(weight.codes[start + i] * scale) + bias;
  }
}

/**
 * The panel of rows `firstRow` … `firstRow + 3`: codes of integer weights, whose scales belong to the sums, and widened
 * values of the others.
 */
export function packWeightPanel(weight: LoadedWeight, firstRow: number, panel: Float64Array): void {
  const k = weight.inFeatures;
  const lanes = Math.min(tileRows, weight.outFeatures - firstRow);
  const widened = new Float32Array(weight.kind === 'integer' ? 0 : k);
  for (let lane = 0; lane < lanes; lane++) {
    const row = firstRow + lane;
    if (weight.kind === 'integer') packRow(weight.codes, row * k, k, panel, 0, lane);
    else {
      widenRow(weight, row, widened);
      packRow(widened, 0, k, panel, 0, lane);
    }
  }
}
