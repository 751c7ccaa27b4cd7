import { roundTo } from '../../checkpoint/float-arithmetic.ts';
import type { WeightDtype } from '../../checkpoint/weight-dtype.ts';

/** Scales in the precision of the dtype, in f32; what it does not hold becomes infinite. */
export function roundScales(scales: Float32Array, dtype: WeightDtype): Float32Array {
  return dtype === 'F32' ? scales : scales.map(roundTo[dtype]);
}
