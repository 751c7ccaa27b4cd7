import type { Tensor, Weight } from '../backend.ts';
import { check } from '../check.ts';
import { tensorOfShape } from './tensor.ts';
import { widenRow } from './weight-rows.ts';
import { weightOf } from './weight.ts';

/** `out[i, :] = table[tokenIds[i], :]`. */
export function embedding(out: Tensor, table: Weight, tokenIds: Int32Array): void {
  const { source, inFeatures, outFeatures } = weightOf('embedding', table);
  const { values } = tensorOfShape('embedding', 'out', out, tokenIds.length, inFeatures);
  tokenIds.forEach((id, row) => {
    check(id >= 0 && id < outFeatures, 'embedding', `token id ${id} is outside the table of ${outFeatures} rows`);
    widenRow(source, id, values.subarray(row * inFeatures, (row + 1) * inFeatures));
  });
}
