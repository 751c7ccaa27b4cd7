import type { AttentionOptions } from '../backend.ts';
import { innerProducts, tileRows, tileSize } from './inner-products.ts';
import type { HeadCache, ReferenceKvCache } from './kv-cache.ts';
import { packRow, panelElements } from './panel.ts';
import { softCapped } from './soft-cap.ts';

/** One head of one row: its elements start at `offset`, and it sees the positions `begin` … `end - 1`. */
export interface Query {
  offset: number;
  begin: number;
  end: number;
}

/** How an inner product becomes a score. */
type ScoreOptions = Pick<AttentionOptions, 'scale' | 'softCap'>;

/** Up to four queries of one key head, in ascending order of position. */
export function attendPanel(
  out: Float32Array,
  queries: Float32Array,
  panel: readonly Query[],
  cache: ReferenceKvCache,
  head: HeadCache,
  options: ScoreOptions,
): void {
  const { headDim } = cache;
  const packed = new Float64Array(panelElements(tileRows, headDim));
  panel.forEach((query, lane) => {
    packRow(queries, query.offset, headDim, packed, 0, lane);
  });

  // Scores of position p and lane i stand at 4 (p - origin) + i, which makes them a panel for the second product.
  const origin = panel[0].begin - (panel[0].begin % tileRows);
  const last = panel[panel.length - 1];
  const scores = new Float64Array(panelElements(last.end - origin, tileRows));
  for (let position = origin; position < last.end; position += tileRows) {
    innerProducts(head.keys, position * headDim, packed, 0, headDim, scores, (position - origin) * tileRows);
  }
  const sums = panel.map(({ begin, end }, lane) =>
    exponentiate(scores, (begin - origin) * tileRows + lane, (end - origin) * tileRows + lane, options),
  );

  // Positions that all queries see go through the product kernel. The few others are added by themselves: a weight of
  // zero would not do, as it makes NaN of a NaN or infinity that the query must not see.
  const begin = last.begin;
  const end = Math.max(begin, panel[0].end);
  const others: { position: number; lane: number }[] = [];
  panel.forEach((query, lane) => {
    for (let position = query.begin; position < Math.min(begin, query.end); position++) others.push({ position, lane });
    for (let position = end; position < query.end; position++) others.push({ position, lane });
  });
  const mixed = new Float64Array(tileSize);
  for (let d = 0; d < headDim; d += tileRows) {
    const values = cache.valueAt(d);
    const shared = values + begin * tileRows;
    innerProducts(scores, (begin - origin) * tileRows, head.values, shared, end - begin, mixed, 0);
    for (const { position, lane } of others) {
      const weight = scores[(position - origin) * tileRows + lane];
      for (let i = 0; i < tileRows; i++) {
        mixed[lane * tileRows + i] += weight * head.values[values + position * tileRows + i];
      }
    }
    for (let lane = 0; lane < panel.length; lane++) {
      const at = panel[lane].offset + d;
      for (let i = 0; i < tileRows && d + i < headDim; i++) out[at + i] = mixed[lane * tileRows + i] / sums[lane];
    }
  }
}

/** Turns the inner products of a lane into exp(score - largest) and returns their sum. */
function exponentiate(scores: Float64Array, begin: number, end: number, { scale, softCap }: ScoreOptions): number {
  let largest = -Infinity;
  for (let at = begin; at < end; at += tileRows) {
    scores[at] = softCapped(scale * scores[at], softCap);
    largest = Math.max(largest, scores[at]);
  }
  let sum = 0;
  for (let at = begin; at < end; at += tileRows) {
    scores[at] = Math.exp(scores[at] - largest);
    sum += scores[at];
  }
  return sum;
}
