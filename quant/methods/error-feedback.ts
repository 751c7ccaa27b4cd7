import { matrix, type LinearAlgebra, type Matrix } from '../../kernels/linear-algebra.ts';
import { breathe } from '../../kernels/reference/breathe.ts';
import { rintClamped } from '../../kernels/reference/rounding.ts';
import { addMultiple, COLUMN_BLOCK, columnsOf, ranges, rowsOf, transposeInto } from './blocks.ts';
import type { PreparedHessian } from './hessian.ts';
import { scaleColumns, type QuantizedRows } from './quantized-rows.ts';

/**
 * The loop of GPTQ (arXiv 2210.17323, algorithm 1): columns are rounded in `hessian.order`, and the error of each is
 * carried to those that come after it,
 *
 *     e = (w_i - scale · q_i) / U_ii        w_j = w_j - e · U_ij   for j > i, i ascending.
 *
 * Within a block this happens on its transpose, so that the inner loop runs over rows; for what is right of the block
 * it is one product of matrices. Each difference is rounded by itself in both, so that blocks do not change a bit.
 *
 * @param weight `[rows, columns]` in `hessian.order`; what is left in it means nothing
 * @param target its scales are used, its codes are written, in the order of the weight
 */
export async function feedErrors(
  weight: Matrix,
  target: QuantizedRows,
  { columns, factor, order }: PreparedHessian,
  algebra: LinearAlgebra,
  signal?: AbortSignal,
): Promise<void> {
  const { rows, groupSize, codes, range } = target;
  const { scales, inverses } = scaleColumns(target);
  const block = new Float64Array(COLUMN_BLOCK * rows);
  const errors = new Float64Array(COLUMN_BLOCK * rows);
  const column = new Int8Array(rows);
  for (const [from, to] of ranges(columns, COLUMN_BLOCK)) {
    const width = to - from;
    transposeInto(block, columnsOf(weight, from, to));
    for (let i = 0; i < width; i++) {
      const pivots = (from + i) * factor.stride + from;
      const group = Math.floor(order[from + i] / groupSize) * rows;
      const { lowest, highest } = range;
      const pivot = factor.data[pivots + i];
      for (let n = 0; n < rows; n++) {
        const value = block[i * rows + n];
        const code = rintClamped(Math.fround(Math.fround(value) * inverses[group + n]), lowest, highest);
        column[n] = code;
        block[i * rows + n] = (value - scales[group + n] * code) / pivot;
      }
      for (let n = 0, k = order[from + i]; n < rows; n++, k += columns) codes[k] = column[n];
      for (let j = i + 1; j < width; j++) addMultiple(block, j * rows, i * rows, rows, -factor.data[pivots + j]);
    }
    if (to < columns) {
      transposeInto(errors, matrix(block, width, rows));
      const right = columnsOf(rowsOf(factor, from, to), to, columns);
      await algebra.multiplyAdd(columnsOf(weight, to, columns), -1, matrix(errors, rows, width), right);
    }
    await breathe();
    signal?.throwIfAborted();
  }
}
