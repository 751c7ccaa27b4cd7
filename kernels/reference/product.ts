import { innerProducts, tileRows, tileSize } from './inner-products.ts';

/** Groups of consecutive k in a row; `groupSize` 0 makes the row one group, and the last one may be shorter. */
export function groupCount(columns: number, groupSize: number): number {
  return groupSize === 0 ? 1 : Math.ceil(columns / groupSize);
}

/**
 * Sums of the tile whose first row of A is `row`: group g of its row i and column j is `sums[16g + 4i + j]`. The array
 * is overwritten after the call.
 */
export type TileVisitor = (row: number, sums: Float64Array) => void;

/** Multiplies the panels of `rows` rows of A with one panel of B, group by group. */
export function multiplyPanel(
  a: Float64Array,
  rows: number,
  b: Float64Array,
  columns: number,
  groupSize: number,
  visit: TileVisitor,
): void {
  const groups = groupCount(columns, groupSize);
  const sums = new Float64Array(groups * tileSize);
  for (let row = 0; row < rows; row += tileRows) {
    for (let group = 0; group < groups; group++) {
      const begin = group * groupSize;
      const depth = group === groups - 1 ? columns - begin : groupSize;
      innerProducts(a, row * columns + begin * tileRows, b, begin * tileRows, depth, sums, group * tileSize);
    }
    visit(row, sums);
  }
}
