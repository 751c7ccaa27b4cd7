import { matrix, type LinearAlgebra, type Matrix } from '../../kernels/linear-algebra.ts';
import { checkLength } from '../schemes/float-rows.ts';

/** What a layer's inputs X say about the errors of its weights: ‖ΔW · X‖² = tr(ΔW · H · ΔWᵀ). */
export interface Hessian {
  columns: number;
  /** `[columns, columns]`, symmetric: Σ x · xᵀ over the inputs. */
  values: Float64Array;
}

export interface HessianOptions {
  /** λ as a fraction of the mean diagonal element; GPTQ publishes 0.01. */
  damping: number;
  /** Whether columns are quantized by descending diagonal element (act-order) or as they come. */
  activationOrder: boolean;
}

/** A Hessian and what is computed once for all linears that share an input. */
export interface PreparedHessian {
  readonly columns: number;
  /** H as it was given, without damping: what errors are measured by. */
  readonly values: Matrix;
  /** Upper triangular U with Uᵀ · U = (H + λI)⁻¹, rows and columns in `order`. */
  readonly factor: Matrix;
  /** The column of the weight at each position. */
  readonly order: Int32Array;
  /** 1 for the columns whose input was always 0. */
  readonly dead: Uint8Array;
}

/**
 * Damps and factors a Hessian for `gptq` and `compensate`. H itself is kept, not copied; besides it there is one more
 * matrix of its size.
 *
 * A dead column, H_kk = 0, stands alone, so that what replaces its 0 matters only to the mean that damping is a fraction
 * of. It is the mean of the others here, where the published code has 1, so that a multiple of H gives the same codes.
 *
 * @returns undefined if H + λI is not positive definite: a NaN, an infinity, a negative pivot
 * @throws RangeError if the length does not fit
 */
export async function prepareHessian(
  { columns, values }: Hessian,
  { damping, activationOrder }: HessianOptions,
  algebra: LinearAlgebra,
): Promise<PreparedHessian | undefined> {
  checkLength('prepareHessian', 'values', values, columns * columns);
  const diagonal = Float64Array.from({ length: columns }, (_, k) => values[k * columns + k]);
  // No sum of squares; damping could hide it. Infinities make infinite pivots.
  if (!diagonal.every((element) => element >= 0)) return undefined;
  const order = Int32Array.from(diagonal.keys());
  if (activationOrder) order.sort((a, b) => diagonal[b] - diagonal[a] || a - b);

  const mean = meanOfPositive(diagonal);
  const factor = new Float64Array(columns * columns);
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j <= i; j++) factor[i * columns + j] = values[order[i] * columns + order[j]];
    factor[i * columns + i] = (diagonal[order[i]] || mean) + damping * mean;
  }
  if ((await algebra.inverseFactor(matrix(factor, columns, columns))) !== undefined) return undefined;
  return {
    columns,
    values: matrix(values, columns, columns),
    factor: matrix(factor, columns, columns),
    order,
    dead: Uint8Array.from(diagonal, (element) => (element === 0 ? 1 : 0)),
  };
}

/** 1 if all are 0. */
function meanOfPositive(diagonal: Float64Array): number {
  const positive = diagonal.filter((element) => element > 0);
  return positive.length === 0 ? 1 : positive.reduce((sum, element) => sum + element, 0) / positive.length;
}
