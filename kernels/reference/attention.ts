import type { AttentionOptions, KvCache, Tensor } from '../backend.ts';
import { breathe } from './breathe.ts';
import { check } from '../check.ts';
import { tileRows } from './inner-products.ts';
import { kvCacheOf } from './kv-cache.ts';
import { attendPanel, type Query } from './attention-panel.ts';
import { checkSoftCap } from './soft-cap.ts';
import { tensorOf, tensorOfShape } from './tensor.ts';

/** @throws RangeError if the options do not fit each other or the cache */
export function checkAttention(
  cache: KvCache,
  { heads, kvHeads, headDim, slidingWindow, softCap }: AttentionOptions,
): void {
  const operation = 'attention';
  check(
    cache.kvHeads === kvHeads && cache.headDim === headDim,
    operation,
    `the cache holds ${cache.kvHeads} heads of ${cache.headDim}, not ${kvHeads} of ${headDim}`,
  );
  check(Number.isInteger(heads / kvHeads) && heads > 0, operation, `${heads} heads do not share ${kvHeads} key heads`);
  check(slidingWindow === undefined || slidingWindow >= 1, operation, `the sliding window is ${slidingWindow ?? 0}`);
  checkSoftCap(operation, softCap);
}

/**
 * Causal grouped-query attention in float64, rounded to f32 once at the end. All queries that share a key head are taken
 * four at a time (heads of a position first, then the next position), so that only four rows of scores exist.
 */
export async function attention(
  out: Tensor,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  cache: KvCache,
  options: AttentionOptions,
): Promise<void> {
  const operation = 'attention';
  const { heads, kvHeads, headDim, slidingWindow } = options;
  const target = kvCacheOf(operation, cache);
  checkAttention(target, options);
  const { rows } = tensorOf(operation, 'q', q);
  const { values: queries } = tensorOfShape(operation, 'q', q, rows, heads * headDim);
  const { values: keys } = tensorOfShape(operation, 'k', k, rows, kvHeads * headDim);
  const { values } = tensorOfShape(operation, 'v', v, rows, kvHeads * headDim);
  const { values: output } = tensorOfShape(operation, 'out', out, rows, heads * headDim);

  const firstPosition = target.length;
  target.append(rows, keys, values);
  const shared = heads / kvHeads;
  for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
    for (let first = 0; first < rows * shared; first += tileRows) {
      const panel = Array.from({ length: Math.min(tileRows, rows * shared - first) }, (_, lane): Query => {
        const row = Math.floor((first + lane) / shared);
        const head = kvHead * shared + ((first + lane) % shared);
        const end = firstPosition + row + 1;
        return { offset: (row * heads + head) * headDim, begin: Math.max(0, end - (slidingWindow ?? end)), end };
      });
      attendPanel(output, queries, panel, target, target.heads[kvHead], options);
      await breathe();
    }
  }
}
