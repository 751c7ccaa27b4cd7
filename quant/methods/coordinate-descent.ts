import { matrix, type LinearAlgebra, type Matrix } from '../../kernels/linear-algebra.ts';
import { breathe } from '../../kernels/reference/breathe.ts';
import { rintClamped } from '../../kernels/reference/rounding.ts';
import { addMultiple, COLUMN_BLOCK, columnsOf, ranges, transposeInto } from './blocks.ts';
import { scaleColumns, type QuantizedRows } from './quantized-rows.ts';

/**
 * One cycle of coordinate descent on tr(ΔW · H · ΔWᵀ) over the codes (QuantEase, arXiv 2309.01885): for each column,
 * ascending, the code that is best for all other codes as they are. Along one column the error is a parabola,
 *
 *     error(m) = error(0) - 2m · G_k + m² · H_kk   where scale · code grows by m and G = ΔW · H,
 *
 * so that the best code is the one nearest to its lowest point. A code changes only where that lowers the error.
 *
 * @param delta W - scale · code, `[rows, columns]`; follows the codes
 * @param target its codes change
 * @param hessian `[columns, columns]`
 * @returns whether a code changed
 */
export async function descendCodes(
  delta: Matrix,
  target: QuantizedRows,
  hessian: Matrix,
  algebra: LinearAlgebra,
  signal?: AbortSignal,
): Promise<boolean> {
  const { rows, columns, groupSize, codes, range } = target;
  const { scales, inverses } = scaleColumns(target);
  // Slopes of the columns of a block are computed together, and then kept up to date within it.
  const slopes = new Float64Array(COLUMN_BLOCK * rows);
  // The slopes [width, rows] of a block, and one more row for the moves of the column at hand.
  const block = new Float64Array((COLUMN_BLOCK + 1) * rows);
  let changed = false;
  for (const [from, to] of ranges(columns, COLUMN_BLOCK)) {
    const width = to - from;
    const moves = width * rows;
    const target = matrix(slopes.fill(0, 0, moves), rows, width);
    await algebra.multiplyAdd(target, 1, delta, columnsOf(hessian, from, to));
    transposeInto(block, target);
    for (let i = 0; i < width; i++) {
      const k = from + i;
      const curvature = hessian.data[hessian.offset + k * hessian.stride + k];
      // Without a curvature, and so without a slope, every code is as good.
      if (!(curvature > 0)) continue;
      const group = Math.floor(k / groupSize) * rows;
      const { lowest, highest } = range;
      let moved = false;
      for (let n = 0; n < rows; n++) {
        const slope = block[i * rows + n];
        const scale = scales[group + n];
        const code = codes[n * columns + k];
        const lowestPoint = scale * code + slope / curvature;
        const best = rintClamped(Math.fround(Math.fround(lowestPoint) * inverses[group + n]), lowest, highest);
        const move = scale * (best - code);
        const better = move * (move * curvature - 2 * slope) < 0;
        block[moves + n] = better ? move : 0;
        if (!better) continue;
        moved = true;
        codes[n * columns + k] = best;
        delta.data[delta.offset + n * delta.stride + k] -= move;
      }
      if (!moved) continue;
      changed = true;
      const row = hessian.offset + k * hessian.stride + from;
      for (let j = i + 1; j < width; j++) addMultiple(block, j * rows, moves, rows, -hessian.data[row + j]);
    }
    await breathe();
    signal?.throwIfAborted();
  }
  return changed;
}
