import { rint } from '../../kernels/reference/rounding.ts';
import type { PreparedHessian } from './hessian.ts';
import type { QuantizedRows } from './quantized-rows.ts';

/** Lower triangular L with L · Lᵀ = a, `[n, n]`. */
function cholesky(a: number[][]): number[][] {
  const lower = a.map((row) => row.map(() => 0));
  a.forEach((row, i) => {
    for (let j = 0; j <= i; j++) {
      let sum = row[j];
      for (let k = 0; k < j; k++) sum -= lower[i][k] * lower[j][k];
      lower[i][j] = i === j ? Math.sqrt(sum) : sum / lower[j][j];
    }
  });
  return lower;
}

/** (L · Lᵀ)⁻¹, a column at a time by substitution. */
function choleskyInverse(lower: number[][]): number[][] {
  const n = lower.length;
  return lower.map((_, column) => {
    const x = lower.map((_row, i) => (i === column ? 1 : 0));
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) x[i] -= lower[i][k] * x[k];
      x[i] /= lower[i][i];
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let k = i + 1; k < n; k++) x[i] -= lower[k][i] * x[k];
      x[i] /= lower[i][i];
    }
    return x;
  });
}

/** U as gptq.py makes it: `cholesky`, `cholesky_inverse`, `cholesky(upper=True)` of H + λI in the order of columns. */
export function publishedFactor(values: Float64Array, order: ArrayLike<number>, damping: number): number[][] {
  const n = order.length;
  const columns = Array.from(order);
  const mean = columns.reduce((sum, k) => sum + values[k * n + k], 0) / n;
  const damped = columns.map((i) => columns.map((j) => values[i * n + j] + (i === j ? damping * mean : 0)));
  const lower = cholesky(choleskyInverse(cholesky(damped)));
  return lower.map((row, i) => row.map((_, j) => lower[j][i]));
}

/**
 * Codes of gptq.py, one column after the other over the whole matrix, for scales that are given. No blocks.
 *
 * @param observe sees the weights after each column, in their own order
 */
export function publishedCodes(
  weight: Float64Array,
  { rows, columns, groups, groupSize, range, scales }: QuantizedRows,
  { order, dead }: Pick<PreparedHessian, 'order' | 'dead'>,
  factor: number[][],
  observe: (position: number, weights: Float64Array) => void = () => undefined,
): Int8Array {
  const codes = new Int8Array(rows * columns);
  const w = Float64Array.from(weight, (value, i) => (dead[i % columns] ? 0 : value));
  factor.forEach((pivots, i) => {
    for (let n = 0; n < rows; n++) {
      const own = n * columns + order[i];
      const scale = scales[n * groups + Math.floor(order[i] / groupSize)];
      const quotient = rint(Math.fround(Math.fround(w[own]) / scale));
      codes[own] = scale === 0 ? 0 : Math.min(Math.max(quotient, range.lowest), range.highest);
      const error = (w[own] - scale * codes[own]) / pivots[i];
      for (let j = i + 1; j < columns; j++) w[n * columns + order[j]] -= error * pivots[j];
    }
    observe(i, w);
  });
  return codes;
}

/** One cycle of coordinate descent, each code tried in turn, each error computed anew from the outputs. */
export function exhaustiveSweep(start: QuantizedRows, errorOf: (codes: Int8Array, row: number) => number): Int8Array {
  const { rows, columns, range } = start;
  const codes = start.codes.slice();
  for (let n = 0; n < rows; n++) {
    for (let k = 0; k < columns; k++) {
      const candidates = Array.from({ length: range.highest - range.lowest + 1 }, (_, i) => range.lowest + i);
      const errors = candidates.map((code) => {
        const tried = codes.slice();
        tried[n * columns + k] = code;
        return errorOf(tried, n);
      });
      codes[n * columns + k] = candidates[errors.indexOf(Math.min(...errors))];
    }
  }
  return codes;
}
