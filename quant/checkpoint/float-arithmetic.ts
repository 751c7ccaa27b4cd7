import { narrowBf16, narrowF16, widenBf16, widenF16 } from '../../kernels/reference/float-formats.ts';
import type { WeightDtype } from './weight-dtype.ts';

/** Rounds the result of one operation as PyTorch and MLX do in that dtype on a CPU: computed in f32, then stored. */
export const roundTo: Readonly<Record<WeightDtype, (value: number) => number>> = {
  F32: Math.fround,
  F16: (value) => widenF16(narrowF16(Math.fround(value))),
  BF16: (value) => widenBf16(narrowBf16(Math.fround(value))),
};

/** The dtype of an operation on two. */
export const promoted = (a: WeightDtype, b: WeightDtype): WeightDtype => (a === b ? a : 'F32');
