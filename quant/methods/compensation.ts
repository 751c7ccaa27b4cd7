import { matrix, type LinearAlgebra } from '../../kernels/linear-algebra.ts';
import { breathe } from '../../kernels/reference/breathe.ts';
import { checkLength } from '../schemes/float-rows.ts';
import { columnsOf, orderColumns, ranges, rowsOf } from './blocks.ts';
import type { PreparedHessian } from './hessian.ts';

/** Rows of one piece of work: two arrays of f64, `[256, columns]`. */
const ROWS = 256;

/** Columns of a block of the triangular factor; the zeros beside its blocks are left out. */
const BLOCK = 256;

/** What quantization has done so far to what a linear reads, or to the residual stream that its outputs are added to. */
export type EarlierErrors =
  /** C = Σ (x - x̂) · x̂ᵀ, `[columns, columns]`. */
  | { cross: Float64Array }
  /** R = Σ (r - r̂) · x̂ᵀ, `[rows, columns]`: r and r̂ are the streams with W · x and W · x̂. */
  | { residual: Float64Array };

/**
 * Lets a linear make up for what quantization has done to its inputs so far (QEP, arXiv 2504.09629). In place,
 *
 *     W = W + strength · R · (H + λI)⁻¹        R = W · C,  C = Σ (x - x̂) · x̂ᵀ,  H = Σ x̂ · x̂ᵀ,
 *
 * x the input of the float model and x̂ that of the quantized one. Where the output is added to the residual stream, R can
 * be that of the whole stream instead (ours; QEP has only the former). With strength 1 and λ = 0 this is the least
 * squares solution W' of W' · x̂ = W · x, or of the same with the streams added.
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
  errors: EarlierErrors,
  strength: number,
  algebra: LinearAlgebra,
  signal?: AbortSignal,
): Promise<void> {
  const { columns, order, factor } = hessian;
  checkLength('compensate', 'weight', weight, rows * columns);
  if ('cross' in errors) checkLength('compensate', 'cross', errors.cross, columns * columns);
  else checkLength('compensate', 'residual', errors.residual, rows * columns);
  for (const [from, to] of ranges(rows, ROWS)) {
    const piece = weight.subarray(from * columns, to * columns);
    const zeros = (): ReturnType<typeof matrix> => matrix(new Float64Array(piece.length), to - from, columns);

    const lost = zeros();
    if ('cross' in errors) {
      await algebra.multiplyAdd(lost, 1, matrix(piece, to - from, columns), matrix(errors.cross, columns, columns));
    } else {
      lost.data.set(errors.residual.subarray(from * columns, to * columns));
    }
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
