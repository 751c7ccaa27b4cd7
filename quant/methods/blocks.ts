import type { Matrix } from '../../kernels/linear-algebra.ts';

/**
 * Columns that GPTQ and coordinate descent take one by one, before a product of matrices tells the others. It is 128 as
 * published, with the same bits; a quarter of that leaves more to products of matrices and less to loops here.
 */
export const COLUMN_BLOCK = 32;

/** The ranges `[from, to)` of `size` that 0 … count - 1 fall into; the last one may be shorter. */
export function* ranges(count: number, size: number): Generator<readonly [from: number, to: number]> {
  for (let from = 0; from < count; from += size) yield [from, Math.min(from + size, count)];
}

/** Rows `from … to` of a matrix, in its memory. */
export const rowsOf = (whole: Matrix, from: number, to: number): Matrix => ({
  ...whole,
  offset: whole.offset + from * whole.stride,
  rows: to - from,
});

/** Columns `from … to` of a matrix, in its memory. */
export const columnsOf = (whole: Matrix, from: number, to: number): Matrix => ({
  ...whole,
  offset: whole.offset + from,
  columns: to - from,
});

/** Column j becomes what column `order[j]` was, in place. */
export function orderColumns({ data, offset, stride, rows, columns }: Matrix, order: Int32Array): void {
  const row = new Float64Array(columns);
  for (let i = 0, first = offset; i < rows; i++, first += stride) {
    row.set(data.subarray(first, first + columns));
    for (let j = 0; j < columns; j++) data[first + j] = row[order[j]];
  }
}

/** Copies a block into the first elements of `target`, which become its transpose `[columns, rows]`. */
export function transposeInto(target: Float64Array, { data, offset, stride, rows, columns }: Matrix): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) target[j * rows + i] = data[offset + i * stride + j];
  }
}

/** `values[to + n] += factor · values[from + n]` for n in 0 … count: one row of a block to another. */
export function addMultiple(values: Float64Array, to: number, from: number, count: number, factor: number): void {
  for (let n = 0; n < count; n++) values[to + n] += factor * values[from + n];
}
