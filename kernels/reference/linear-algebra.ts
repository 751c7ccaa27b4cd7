import { checkAccumulate, checkHadamard, checkInverseFactor, checkMultiplyAdd } from '../check-matrices.ts';
import type { HadamardBase, LinearAlgebra, Matrix } from '../linear-algebra.ts';
import { breathe } from './breathe.ts';

/** Plain loops in the order that docs/numerics.md section 7 prescribes. */
export const referenceLinearAlgebra: LinearAlgebra = {
  async multiplyAdd(c, factor, a, b, { transposeB = false } = {}) {
    checkMultiplyAdd(c, factor, a, b, transposeB);
    const factors = new Float64Array(a.columns);
    for (let i = 0; i < c.rows; i++) {
      factors.set(rowOf(a, i));
      for (let k = 0; k < factors.length; k++) factors[k] *= factor;
      if (transposeB) addProductsOfRows(rowOf(c, i), factors, b);
      else addMultiples(rowOf(c, i), factors, b);
      await breathe();
    }
  },

  async inverseFactor(h) {
    checkInverseFactor(h);
    const pivot = await factorize(h);
    if (pivot === undefined) await invert(h);
    return pivot;
  },

  async hadamard(x, base = { order: 1, signs: Int8Array.of(1) }) {
    checkHadamard(x, base);
    for (let i = 0; i < x.rows; i++) {
      rotate(rowOf(x, i), base);
      await breathe();
    }
  },

  /** Sums in f64. */
  async accumulate(sum, y, x, count) {
    checkAccumulate(sum, y, x, count);
    const { rows, columns } = sum;
    const products = new Float64Array(columns);
    for (let i = 0; i < rows; i++) {
      products.fill(0);
      for (let t = 0; t < count; t++) {
        const factor = y[t * rows + i];
        for (let j = 0; j < columns; j++) products[j] += factor * x[t * columns + j];
      }
      const row = rowOf(sum, i);
      for (let j = 0; j < columns; j++) row[j] += products[j];
      await breathe();
    }
  },
};

const rowOf = ({ data, offset, stride, columns }: Matrix, row: number): Float64Array =>
  data.subarray(offset + row * stride, offset + row * stride + columns);

/** `c[j] += factors[k] · b[k, j]`. */
function addMultiples(c: Float64Array, factors: Float64Array, b: Matrix): void {
  for (let k = 0; k < b.rows; k++) {
    const row = rowOf(b, k);
    const factor = factors[k];
    for (let j = 0; j < c.length; j++) c[j] += factor * row[j];
  }
}

/** `c[j] += factors[k] · b[j, k]`. */
function addProductsOfRows(c: Float64Array, factors: Float64Array, b: Matrix): void {
  for (let j = 0; j < c.length; j++) {
    const row = rowOf(b, j);
    let sum = c[j];
    for (let k = 0; k < row.length; k++) sum += factors[k] * row[k];
    c[j] = sum;
  }
}

/**
 * The upper triangle of h becomes R with h = R · Rᵀ, what is below it zero.
 *
 * @returns the index of a pivot that is not positive and finite
 */
async function factorize(h: Matrix): Promise<number | undefined> {
  const n = h.rows;
  for (let i = 0; i < n; i++) {
    const row = rowOf(h, i);
    for (let j = i + 1; j < n; j++) {
      const below = rowOf(h, j);
      row[j] = below[i];
      below[i] = 0;
    }
  }
  for (let j = n - 1; j >= 0; j--) {
    const pivots = rowOf(h, j);
    for (let i = j; i >= 0; i--) {
      const row = rowOf(h, i);
      let sum = row[j];
      for (let k = n - 1; k > j; k--) sum -= row[k] * pivots[k];
      if (i === j && !(sum > 0 && sum < Infinity)) return j;
      row[j] = i === j ? Math.sqrt(sum) : sum / pivots[j];
    }
    await breathe();
  }
  return undefined;
}

/** The upper triangular r becomes its inverse. */
async function invert(r: Matrix): Promise<void> {
  const n = r.rows;
  const column = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    for (let k = 0; k <= j; k++) column[k] = rowOf(r, k)[j];
    for (let i = 0; i < j; i++) {
      const row = rowOf(r, i);
      let sum = 0;
      for (let k = i; k < j; k++) sum -= row[k] * column[k];
      row[j] = sum / column[j];
    }
    rowOf(r, j)[j] = 1 / column[j];
    await breathe();
  }
}

/** `row · (H ⊗ base) / sqrt(length)`. */
function rotate(row: Float64Array, { order, signs }: HadamardBase): void {
  const products = new Float64Array(order);
  for (let piece = 0; piece < row.length; piece += order) {
    products.fill(0);
    for (let b = 0; b < order; b++) {
      for (let j = 0; j < order; j++) products[j] += row[piece + b] * signs[b * order + j];
    }
    row.set(products, piece);
  }
  for (let apart = order; apart < row.length; apart *= 2) {
    for (let first = 0; first < row.length; first += 2 * apart) {
      for (let i = first; i < first + apart; i++) {
        const [u, v] = [row[i], row[i + apart]];
        row[i] = u + v;
        row[i + apart] = u - v;
      }
    }
  }
  const root = Math.sqrt(row.length);
  for (let i = 0; i < row.length; i++) row[i] /= root;
}
