import type { EmbeddingOptions, Tensor, Weight } from '../backend.ts';
import { check } from '../check.ts';
import { tensorOfShape } from './tensor.ts';
import { widenRow } from './weight-rows.ts';
import { weightOf } from './weight.ts';

/** `out[i, :] = table[tokenIds[i], :] · scale`, an f32 multiplication each. */
export function embedding(out: Tensor, table: Weight, tokenIds: Int32Array, options: EmbeddingOptions = {}): void {
  const scale = Math.fround(options.scale ?? 1);
  const { source, inFeatures, outFeatures } = weightOf('embedding', table);
  const { values } = tensorOfShape('embedding', 'out', out, tokenIds.length, inFeatures);
  tokenIds.forEach((id, row) => {
    check(id >= 0 && id < outFeatures, 'embedding', `token id ${id} is outside the table of ${outFeatures} rows`);
    widenRow(source, id, values.subarray(row * inFeatures, (row + 1) * inFeatures));
  });
  if (scale !== 1) for (let i = 0; i < values.length; i++) values[i] *= scale;
}
