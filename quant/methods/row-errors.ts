import { matrix, type LinearAlgebra, type Matrix } from '../../kernels/linear-algebra.ts';
import { columnsOf, ranges, rowsOf } from './blocks.ts';

/** Columns of a block: the products before it are long, and the block itself stays in cache. */
const BLOCK = 256;

/**
 * The error of each row of ΔW on the inputs: the diagonal of ΔW · H · ΔWᵀ.
 *
 * H is symmetric, so that the blocks above its diagonal count twice and those below are left out: half the work.
 *
 * @param delta `[rows, columns]`
 * @param hessian `[columns, columns]`
 */
export async function rowErrors(delta: Matrix, hessian: Matrix, algebra: LinearAlgebra): Promise<Float64Array> {
  const { data, rows, columns } = delta;
  const errors = new Float64Array(rows);
  for (const [from, to] of ranges(columns, BLOCK)) {
    const width = to - from;
    const products = new Float64Array(rows * width);
    const target = matrix(products, rows, width);
    const block = columnsOf(hessian, from, to);
    if (from > 0) await algebra.multiplyAdd(target, 2, columnsOf(delta, 0, from), rowsOf(block, 0, from));
    await algebra.multiplyAdd(target, 1, columnsOf(delta, from, to), rowsOf(block, from, to));
    for (let n = 0; n < rows; n++) {
      const first = delta.offset + n * delta.stride + from;
      let sum = errors[n];
      for (let j = 0; j < width; j++) sum += data[first + j] * products[n * width + j];
      errors[n] = sum;
    }
  }
  return errors;
}
