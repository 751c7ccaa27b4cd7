import { tileRows } from './inner-products.ts';

/**
 * A panel is what the product kernel reads: four rows of a matrix, widened to float64 and interleaved, so that column k
 * of row i stands at `panel[4k + i]`. A matrix is its panels one after another; rows that fill the last one up are not
 * defined, and their sums are not used.
 */
export function panelElements(rows: number, columns: number): number {
  return Math.ceil(rows / tileRows) * tileRows * columns;
}

/** Copies `columns` values from `start` on into row `lane` of the panel at `panelStart`. */
export function packRow(
  values: Float32Array | Int8Array,
  start: number,
  columns: number,
  panels: Float64Array,
  panelStart: number,
  lane: number,
): void {
  for (let k = 0, at = panelStart + lane; k < columns; k++, at += tileRows) panels[at] = values[start + k];
}

/** The panels of a row-major `[rows, columns]` matrix. */
export function packPanels(values: Float32Array | Int8Array, rows: number, columns: number): Float64Array {
  const panels = new Float64Array(panelElements(rows, columns));
  for (let row = 0; row < rows; row++) {
    const lane = row % tileRows;
    packRow(values, row * columns, columns, panels, (row - lane) * columns, lane);
  }
  return panels;
}
