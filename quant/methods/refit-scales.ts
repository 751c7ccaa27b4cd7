import { matrix, type LinearAlgebra, type Matrix } from '../../kernels/linear-algebra.ts';
import { breathe } from '../../kernels/reference/breathe.ts';
import { isNormalF32 } from '../../kernels/reference/rounding.ts';
import { columnsOf, ranges, rowsOf } from './blocks.ts';
import type { QuantizedRows } from './quantized-rows.ts';

/**
 * The scale of each group that is best for its codes and for all other groups as they are, groups ascending: least
 * squares in one unknown. With q the codes of the group, 0 elsewhere, the error is a parabola in the scale,
 *
 *     error(m) = error(0) - 2m · (q · H · ΔWᵀ) + m² · (q · H · qᵀ)   where the scale grows by m.
 *
 * A scale changes only where that, with the scale rounded to f32, lowers the error.
 *
 * @param delta W - scale · code, `[rows, columns]`; follows the scales
 * @param target its scales change
 * @param hessian `[columns, columns]`
 * @returns whether a scale changed
 */
export async function refitScales(
  delta: Matrix,
  target: QuantizedRows,
  hessian: Matrix,
  algebra: LinearAlgebra,
  signal?: AbortSignal,
): Promise<boolean> {
  const { rows, columns, groups, groupSize, codes, scales } = target;
  let changed = false;
  let group = 0;
  for (const [from, to] of ranges(columns, groupSize)) {
    const width = to - from;
    const block = columnsOf(hessian, from, to);
    const slopes = new Float64Array(rows * width);
    await algebra.multiplyAdd(matrix(slopes, rows, width), 1, delta, block);
    const groupCodes = new Float64Array(rows * width);
    for (let n = 0; n < rows; n++) {
      groupCodes.set(codes.subarray(n * columns + from, n * columns + to), n * width);
    }
    const curvatures = new Float64Array(rows * width);
    const diagonalBlock = rowsOf(block, from, to);
    await algebra.multiplyAdd(matrix(curvatures, rows, width), 1, matrix(groupCodes, rows, width), diagonalBlock);
    for (let n = 0; n < rows; n++) {
      let slope = 0;
      let curvature = 0;
      for (let i = n * width; i < (n + 1) * width; i++) {
        slope += groupCodes[i] * slopes[i];
        curvature += groupCodes[i] * curvatures[i];
      }
      const scale = scales[n * groups + group];
      const best = Math.fround(scale + slope / curvature);
      const move = best - scale;
      // Only normal positive numbers serve as a scale; a group without a code has no curvature.
      const better = curvature > 0 && best > 0 && isNormalF32(best) && move * (move * curvature - 2 * slope) < 0;
      if (!better) continue;
      changed = true;
      scales[n * groups + group] = best;
      const first = delta.offset + n * delta.stride + from;
      for (let j = 0; j < width; j++) delta.data[first + j] -= move * groupCodes[n * width + j];
    }
    group++;
    await breathe();
    signal?.throwIfAborted();
  }
  return changed;
}
