import type { HadamardBase } from '../../kernels/linear-algebra.ts';

/**
 * The smallest known base of a Hadamard matrix of size n, which is Sylvester's matrix ⊗ base (`LinearAlgebra.hadamard`):
 * [1] for a power of two, else one by Paley's constructions I and II for primes (J. Math. Phys. 12, 1933), such as those
 * of order 12, 20, 28, 36 and 60.
 *
 * @returns undefined for sizes that these do not reach, among them all that are no multiple of 4
 */
export function hadamardBase(n: number): HadamardBase | undefined {
  if (!Number.isSafeInteger(n) || n < 1) return undefined;
  let order = n;
  while (order % 2 === 0) order /= 2;
  for (; order <= n; order *= 2) {
    const base = baseOfOrder(order);
    if (base) return base;
  }
  return undefined;
}

function baseOfOrder(order: number): HadamardBase | undefined {
  if (order === 1) return { order, signs: Int8Array.of(1) };
  if (order % 4 !== 0) return undefined;
  if (isPrime(order - 1)) return { order, signs: paleyOne(order - 1) };
  const q = order / 2 - 1;
  return q % 4 === 1 && isPrime(q) ? { order, signs: paleyTwo(q) } : undefined;
}

/** q ≡ 3 mod 4: I + S with the skew S = [0 1; -1 Q]. */
function paleyOne(q: number): Int8Array {
  const bordered = borderedJacobsthal(q, -1);
  const order = q + 1;
  for (let i = 0; i < order; i++) bordered[i * order + i] = 1;
  return bordered;
}

/** q ≡ 1 mod 4: S ⊗ [1 1; 1 -1] + I ⊗ [1 -1; -1 -1] with the symmetric S = [0 1; 1 Q]. */
function paleyTwo(q: number): Int8Array {
  const bordered = borderedJacobsthal(q, 1);
  const half = q + 1;
  const order = 2 * half;
  const signs = new Int8Array(order * order);
  for (let i = 0; i < half; i++) {
    for (let j = 0; j < half; j++) {
      const s = bordered[i * half + j];
      const block = i === j ? [1, -1, -1, -1] : [s, s, s, -s];
      signs.set(block.slice(0, 2), 2 * i * order + 2 * j);
      signs.set(block.slice(2), (2 * i + 1) * order + 2 * j);
    }
  }
  return signs;
}

/** [0 1; left Q], `[q + 1, q + 1]`, with `Q[i, j]` = 1 where i - j is a square modulo q, 0 on the diagonal, else -1. */
function borderedJacobsthal(q: number, left: 1 | -1): Int8Array {
  const characters = new Int8Array(q).fill(-1);
  for (let x = 1; x < q; x++) characters[(x * x) % q] = 1;
  characters[0] = 0;
  const order = q + 1;
  const matrix = new Int8Array(order * order).fill(1, 1, order);
  for (let i = 0; i < q; i++) {
    const row = (i + 1) * order;
    matrix[row] = left;
    for (let j = 0; j < q; j++) matrix[row + 1 + j] = characters[(i - j + q) % q];
  }
  return matrix;
}

function isPrime(n: number): boolean {
  if (n < 2) return false;
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return true;
}
