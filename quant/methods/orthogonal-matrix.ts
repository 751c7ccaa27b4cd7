import { matrix, type HadamardBase, type LinearAlgebra, type Matrix } from '../../kernels/linear-algebra.ts';
import { Random } from '../../kernels/verify/random.ts';
import { hadamardBase } from './hadamard-matrix.ts';

/** A random orthogonal matrix Q. */
export interface OrthogonalMatrix {
  readonly size: number;
  /** Each row of x, `[rows, size]`, becomes row · Q, in place. */
  apply(x: Matrix): Promise<void>;
  /** Each row becomes row · Qᵀ, which takes `apply` back. */
  undo(x: Matrix): Promise<void>;
}

/**
 * A Hadamard matrix whose rows have random signs (QuaRot, arXiv 2404.00456) where one of that size is known, else a
 * dense matrix. The same for a seed on every machine.
 *
 * @param seed of which 32 bits count
 */
export async function orthogonalMatrix(size: number, seed: number, algebra: LinearAlgebra): Promise<OrthogonalMatrix> {
  const random = new Random(seed);
  const base = hadamardBase(size);
  if (base) return signedHadamard(size, base, random, algebra);
  return denseOrthogonal(await randomOrthogonal(size, random, algebra), algebra);
}

function signedHadamard(size: number, base: HadamardBase, random: Random, algebra: LinearAlgebra): OrthogonalMatrix {
  const signs = Float64Array.from({ length: size }, () => (random.bits() < 0 ? -1 : 1));
  // Sylvester's matrices are symmetric.
  const inverse = { order: base.order, signs: transposed(base) };
  return {
    size,
    apply: async (x) => {
      scaleColumns(x, signs);
      await algebra.hadamard(x, base);
    },
    undo: async (x) => {
      await algebra.hadamard(x, inverse);
      scaleColumns(x, signs);
    },
  };
}

const transposed = ({ order, signs }: HadamardBase): Int8Array =>
  signs.map((_, i) => signs[(i % order) * order + Math.floor(i / order)]);

/** `x[i, j] *= factors[j]`. */
export function scaleColumns(
  { data, offset, stride, rows, columns }: Matrix,
  factors: Float32Array | Float64Array,
): void {
  for (let i = 0; i < rows; i++) {
    const start = offset + i * stride;
    for (let j = 0; j < columns; j++) data[start + j] *= factors[j];
  }
}

function denseOrthogonal(q: Matrix, algebra: LinearAlgebra): OrthogonalMatrix {
  const multiply = async (x: Matrix, transposeB: boolean): Promise<void> => {
    const product = matrix(new Float64Array(x.rows * x.columns), x.rows, x.columns);
    await algebra.multiplyAdd(product, 1, x, q, { transposeB });
    for (let i = 0; i < x.rows; i++) {
      x.data.set(product.data.subarray(i * x.columns, (i + 1) * x.columns), x.offset + i * x.stride);
    }
  };
  return { size: q.rows, apply: (x) => multiply(x, false), undo: (x) => multiply(x, true) };
}

/** The second pass makes up for what the Cholesky factor of an ill-conditioned matrix loses. */
const CHOLESKY_PASSES = 2;

/**
 * The orthogonal factor of a random matrix A: U · A with Uᵀ · U = (A · Aᵀ)⁻¹, twice (CholeskyQR2, Fukaya et al., ScalA
 * 2014). That of Gaussian numbers would be uniform among all rotations; theirs are sums of twelve uniform ones, since
 * logarithms differ between machines.
 */
async function randomOrthogonal(size: number, random: Random, algebra: LinearAlgebra): Promise<Matrix> {
  for (;;) {
    const values = Float64Array.from({ length: size * size }, () => nearlyGaussian(random));
    const q = await orthogonalized(matrix(values, size, size), algebra);
    if (q) return q;
  }
}

/** @returns undefined if the rows are dependent as far as f64 can tell */
async function orthogonalized(a: Matrix, algebra: LinearAlgebra): Promise<Matrix | undefined> {
  const { rows: size } = a;
  const zeros = (): Matrix => matrix(new Float64Array(size * size), size, size);
  let q = a;
  for (let pass = 0; pass < CHOLESKY_PASSES; pass++) {
    const factor = zeros();
    await algebra.multiplyAdd(factor, 1, q, q, { transposeB: true });
    if ((await algebra.inverseFactor(factor)) !== undefined) return undefined;
    const product = zeros();
    await algebra.multiplyAdd(product, 1, factor, q);
    q = product;
  }
  return q;
}

function nearlyGaussian(random: Random): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random.uniform();
  return sum;
}
