/**
 * Matrices in f64 for quantizers that weigh errors: factors of Hessians, rotations, sums over activations.
 *
 * `multiplyAdd`, `inverseFactor` and `hadamard` are normative (docs/numerics.md section 7): each product, sum, quotient
 * and root is rounded to f64 by itself, in the order that is written here, so that every implementation gives the same
 * bits. `accumulate` has a tolerance.
 *
 * Arguments that do not fit reject with a `RangeError`. Calls follow one another: the promise of one is awaited before
 * the next call, and its arrays are left alone until then.
 */

/** A row-major f64 matrix, or a block of one. Element [i, j] is `data[offset + i * stride + j]`. */
export interface Matrix {
  data: Float64Array;
  offset: number;
  stride: number;
  rows: number;
  columns: number;
}

/** A whole array as a matrix. Nothing is copied. */
export const matrix = (data: Float64Array, rows: number, columns: number): Matrix => ({
  data,
  offset: 0,
  stride: columns,
  rows,
  columns,
});

export interface MultiplyAddOptions {
  /** b is `[n, k]`; default false. */
  transposeB?: boolean;
}

/** A Hadamard matrix `[order, order]`, row-major, of 1 and -1. */
export interface HadamardBase {
  order: number;
  signs: Int8Array;
}

export interface LinearAlgebra {
  /**
   * `c += factor · a · b`: `c[i, j] = c[i, j] + (factor · a[i, k]) · b[k, j]` for each k, ascending.
   *
   * a is `[m, k]`, b `[k, n]`, c `[m, n]`. c shares no element with a or b; blocks of one array have one stride.
   */
  multiplyAdd(c: Matrix, factor: number, a: Matrix, b: Matrix, options?: MultiplyAddOptions): Promise<void>;
  /**
   * In place, for a symmetric positive definite h `[n, n]` of which the lower triangle is read: h becomes the upper
   * triangular U with Uᵀ · U = h⁻¹, zeros below.
   *
   * First R, upper triangular, with h = R · Rᵀ, columns descending:
   * `R[i, j] = (h[j, i] - R[i, n-1] · R[j, n-1] - … - R[i, j+1] · R[j, j+1]) / R[j, j]` for i < j, and `R[j, j]` the root of
   * such a difference. Then U = R⁻¹: `U[j, j] = 1 / R[j, j]` and, columns ascending,
   * `U[i, j] = (0 - U[i, i] · R[i, j] - … - U[i, j-1] · R[j-1, j]) / R[j, j]` for i < j.
   *
   * @returns undefined, or the j of the first pivot, below the root, that is not positive and finite; h is garbage then
   */
  inverseFactor(h: Matrix): Promise<number | undefined>;
  /**
   * Each row of x becomes `row · (H ⊗ base) / sqrt(columns)`, in place. columns is 2^k · order, H Sylvester's matrix
   * [2^k, 2^k], base [1] unless it is given.
   *
   * First each of the 2^k pieces of the row is multiplied by base: sums from 0 over the piece, ascending. Then
   * `(u, v)` becomes `(u + v, u - v)` for elements that lie order · 2^level apart, levels ascending. Then each element is
   * divided by sqrt(columns).
   */
  hadamard(x: Matrix, base?: HadamardBase): Promise<void>;
  /**
   * `sum += yᵀ · x`; x is `[count, n]`, y `[count, p]`, sum `[p, n]`. What the rows of a call come to is summed in f32, in
   * an order that does not depend on threads, and then added in f64. Where y is x, one triangle is computed and added
   * to both.
   */
  accumulate(sum: Matrix, y: Float32Array, x: Float32Array, count: number): Promise<void>;
}
