import { check, checkSize } from '../check.ts';
import { tileRows } from './inner-products.ts';
import { packPanels } from './panel.ts';
import { multiplyPanel } from './product.ts';

/** The longest inner product of int8 codes that int32 holds: 131071 · 128² < 2^31 (docs/numerics.md section 3). */
export const MAX_INTEGER_DEPTH = 131_071;

/** @throws RangeError if sizes and codes do not fit, or sums may not fit int32 */
export function checkMatmulInt8(a: Int8Array, b: Int8Array, m: number, n: number, k: number): void {
  const operation = 'matmulInt8';
  checkSize(operation, 'm', m);
  checkSize(operation, 'n', n);
  checkSize(operation, 'k', k);
  check(k <= MAX_INTEGER_DEPTH, operation, `k = ${k} may overflow int32; at most ${MAX_INTEGER_DEPTH}`);
  check(a.length === m * k, operation, `a must hold ${m} × ${k} codes, not ${a.length}`);
  check(b.length === n * k, operation, `b must hold ${n} × ${k} codes, not ${b.length}`);
}

/** `acc[m, n] = Σ_k a[m, k] · b[n, k]`, exact. */
export function matmulInt8(a: Int8Array, b: Int8Array, m: number, n: number, k: number): Int32Array {
  checkMatmulInt8(a, b, m, n, k);
  const out = new Int32Array(m * n);
  const aPanels = packPanels(a, m, k);
  const bPanels = packPanels(b, n, k);
  for (let column = 0; column < n; column += tileRows) {
    const bPanel = bPanels.subarray(column * k, (column + tileRows) * k);
    multiplyPanel(aPanels, m, bPanel, k, 0, (row, sums) => {
      for (let i = 0; i < tileRows && row + i < m; i++) {
        for (let j = 0; j < tileRows && column + j < n; j++) {
          out[(row + i) * n + column + j] = sums[tileRows * i + j];
        }
      }
    });
  }
  return out;
}
