import type { KvCache } from '../backend.ts';
import { check, checkSize } from '../check.ts';
import { tileRows } from './inner-products.ts';
import { packRow, panelElements } from './panel.ts';

/**
 * Keys and values of one layer, each head's already as panels of the product kernel. Scores multiply queries with keys:
 * the rows of the key panels are positions. Outputs multiply weights with values along positions: the rows of the value
 * panels are the elements of a head, so that element d of position p stands at `valueAt(d) + 4p`.
 */
export class ReferenceKvCache implements KvCache {
  readonly capacity: number;
  readonly kvHeads: number;
  readonly headDim: number;
  #length = 0;
  #heads: readonly HeadCache[] | undefined;

  constructor(capacity: number, kvHeads: number, headDim: number) {
    checkSize('createKvCache', 'capacity', capacity);
    checkSize('createKvCache', 'kvHeads', kvHeads);
    checkSize('createKvCache', 'headDim', headDim);
    this.capacity = capacity;
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    this.#heads = Array.from({ length: kvHeads }, () => ({
      keys: new Float64Array(panelElements(capacity, headDim)),
      values: new Float64Array(panelElements(headDim, capacity)),
    }));
  }

  get length(): number {
    return this.#length;
  }

  get heads(): readonly HeadCache[] {
    if (!this.#heads) throw new RangeError('the KV cache was released');
    return this.#heads;
  }

  /** Offset of element d of position 0 among the values of a head. */
  valueAt(d: number): number {
    const lane = d % tileRows;
    return (d - lane) * this.capacity + lane;
  }

  /** Adds `rows` positions; keys and values are `[rows, kvHeads · headDim]`. */
  append(rows: number, keys: Float32Array, values: Float32Array): void {
    const { headDim } = this;
    const { capacity } = this;
    check(
      this.#length + rows <= capacity,
      'attention',
      `${rows} rows after ${this.#length} pass the cache's ${capacity}`,
    );
    for (let row = 0; row < rows; row++) {
      const position = this.#length + row;
      const lane = position % tileRows;
      this.heads.forEach((head, index) => {
        const start = (row * this.kvHeads + index) * headDim;
        packRow(keys, start, headDim, head.keys, (position - lane) * headDim, lane);
        for (let d = 0; d < headDim; d++) head.values[this.valueAt(d) + tileRows * position] = values[start + d];
      });
    }
    this.#length += rows;
  }

  release(): void {
    this.#heads = undefined;
  }
}

export interface HeadCache {
  keys: Float64Array;
  values: Float64Array;
}

export function kvCacheOf(operation: string, handle: KvCache): ReferenceKvCache {
  check(handle instanceof ReferenceKvCache, operation, 'the KV cache is not of this backend');
  return handle;
}
