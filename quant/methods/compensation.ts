import { matrix, type LinearAlgebra } from '../../kernels/linear-algebra.ts';
import { breathe } from '../../kernels/reference/breathe.ts';
import { checkLength } from '../schemes/float-rows.ts';
import { columnsOf, orderColumns, ranges, rowsOf } from './blocks.ts';
import type { PreparedHessian } from './hessian.ts';

/** Rows of one piece of work: two arrays of f64, `[256, columns]`. */
const ROWS = 256;

/** Columns of a block of the triangular factor; the zeros beside its blocks are left out. */
const BLOCK = 256;

/** What quantization has done so far to what a linear reads, and to what its outputs are added to. */
export interface EarlierErrors {
  /** C = Σ (x - x̂) · x̂ᵀ, `[columns, columns]`. */
  cross: Float64Array;
  /** R = Σ (r - r̂) · x̂ᵀ, `[rows, columns]`, r the residual stream; none where outputs are not added to it as they are. */
  residual?: Float64Array | undefined;
}

/**
 * Lets a linear make up for what quantization has done to its inputs so far (QEP, arXiv 2504.09629). In place,
 *
 *     W = W + strength · (W · C + R) · (H + λI)⁻¹        C = Σ (x - x̂) · x̂ᵀ,  R = Σ (r - r̂) · x̂ᵀ,  H = Σ x̂ · x̂ᵀ,
 *
 * x the input of the float model and x̂ that of the quantized one, r and r̂ the residual streams that the output is added
 * to (R is ours; QEP has none). With strength 1 and λ = 0 this is the least squares solution W' of r̂ + W' · x̂ = r + W · x.
 *
 * @param weight `[rows, columns]`
 * @param hessian that of x̂
 * @param strength from 0, which changes nothing, to 1
 * @throws RangeError if lengths do not fit
 */
export async function compensate(
  weight: Float64Array,
  rows: number,
  hessian: PreparedHessian,
  { cross, residual }: EarlierErrors,
  strength: number,
  algebra: LinearAlgebra,
  signal?: AbortSignal,
): Promise<void> {
  const { columns, order, factor } = hessian;
  checkLength('compensate', 'weight', weight, rows * columns);
  checkLength('compensate', 'cross', cross, columns * columns);
  if (residual) checkLength('compensate', 'residual', residual, rows * columns);
  for (const [from, to] of ranges(rows, ROWS)) {
    const piece = weight.subarray(from * columns, to * columns);
    const zeros = (): ReturnType<typeof matrix> => matrix(new Float64Array(piece.length), to - from, columns);

    const lost = zeros();
    if (residual) lost.data.set(residual.subarray(from * columns, to * columns));
    await algebra.multiplyAdd(lost, 1, matrix(piece, to - from, columns), matrix(cross, columns, columns));
    orderColumns(lost, order);

    const half = zeros();
    for (const [left, right] of ranges(columns, BLOCK)) {
      const block = columnsOf(rowsOf(factor, left, right), left, columns);
      const target = columnsOf(half, left, right);
      await algebra.multiplyAdd(target, 1, columnsOf(lost, left, columns), block, { transposeB: true });
    }
    const correction = lost;
    correction.data.fill(0);
    for (const [left, right] of ranges(columns, BLOCK)) {
      const block = rowsOf(columnsOf(factor, left, right), 0, right);
      await algebra.multiplyAdd(columnsOf(correction, left, right), 1, columnsOf(half, 0, right), block);
    }

    for (let first = 0; first < piece.length; first += columns) {
      for (let j = 0; j < columns; j++) piece[first + order[j]] += strength * correction.data[first + j];
    }
    await breathe();
    signal?.throwIfAborted();
  }
}
