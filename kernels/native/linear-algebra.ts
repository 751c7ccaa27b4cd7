import { checkAccumulate, checkHadamard, checkInverseFactor, checkMultiplyAdd } from '../check-matrices.ts';
import type { LinearAlgebra, Matrix } from '../linear-algebra.ts';
import type { NativeDevice } from './device.ts';

/** Operations on matrices of JavaScript's memory, where they are. */
export function nativeLinearAlgebra(device: NativeDevice): LinearAlgebra {
  return {
    async multiplyAdd(c, factor, a, b, { transposeB = false } = {}) {
      checkMultiplyAdd(c, factor, a, b, transposeB);
      const [m, n, k] = [c.rows, c.columns, a.columns];
      await device.runLong(
        'multiply_add',
        {
          c: elementsOf(c),
          a: elementsOf(a),
          b: elementsOf(b),
          c_stride: c.stride,
          a_stride: a.stride,
          b_stride: b.stride,
          m,
          n,
          k,
          transpose_b: Number(transposeB),
          factor,
        },
        m * n * k,
      );
    },

    async inverseFactor(h) {
      checkInverseFactor(h);
      const n = h.rows;
      const params = { h: elementsOf(h), stride: h.stride, n, pivot: 0 };
      const { pivot } = await device.askLong('inverse_factor', params, n ** 3 / 3);
      return pivot < 0 ? undefined : pivot;
    },

    async hadamard(x, base = { order: 1, signs: Int8Array.of(1) }) {
      checkHadamard(x, base);
      const { rows, columns, stride } = x;
      const { order, signs } = base;
      const params = { x: elementsOf(x), base: signs, stride, rows, columns, order };
      await device.runLong('hadamard', params, rows * columns * (order + Math.log2(columns / order)));
    },

    async accumulate(sum, y, x, count) {
      checkAccumulate(sum, y, x, count);
      const [p, n] = [sum.rows, sum.columns];
      await device.runLong(
        'accumulate',
        { sum: elementsOf(sum), y, x, stride: sum.stride, count, p, n },
        count * p * n,
      );
    },
  };
}

/** From the first element of a block to its last. */
const elementsOf = ({ data, offset, stride, rows, columns }: Matrix): Float64Array =>
  data.subarray(offset, offset + (rows - 1) * stride + columns);
