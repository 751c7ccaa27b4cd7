import { narrowBf16, narrowF16, widenBf16, widenF16 } from '../../../kernels/reference/float-formats.ts';
import type { WeightDtype } from '../../checkpoint/weight-dtype.ts';

/** Scales in the precision of the dtype, in f32; what it does not hold becomes infinite. */
export function roundScales(scales: Float32Array, dtype: WeightDtype): Float32Array {
  switch (dtype) {
    case 'F32':
      return scales;
    case 'F16':
      return scales.map((scale) => widenF16(narrowF16(scale)));
    case 'BF16':
      return scales.map((scale) => widenBf16(narrowBf16(scale)));
  }
}
