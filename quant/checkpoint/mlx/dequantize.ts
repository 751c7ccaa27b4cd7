import { widenF8E4M3 } from '../../../kernels/reference/float-formats.ts';
import { promoted, roundTo } from '../float-arithmetic.ts';
import type { WeightDtype } from '../weight-dtype.ts';
import type { MlxBits } from './scheme.ts';

/** Codes in groups of `groupSize`, row after row; a row is a whole number of groups. */
export interface AffineGroups {
  codes: Uint8Array;
  bits: MlxBits;
  groupSize: number;
  /** One a group, widened. */
  scales: Float32Array;
  biases: Float32Array;
  /** What scales and biases are stored in. */
  dtypes: { scales: WeightDtype; biases: WeightDtype };
}

/**
 * `mx.dequantize` with mode affine on a CPU, to the bit: the product is rounded in the dtype of the scales, the sum in the
 * dtype that scales and biases have together.
 */
export function dequantizeAffineGroups(groups: AffineGroups): Float32Array {
  const { codes, bits, groupSize, scales, biases, dtypes } = groups;
  const product = roundTo[dtypes.scales];
  const sum = roundTo[promoted(dtypes.scales, dtypes.biases)];
  const values = new Float32Array(codes.length);
  const levels = 2 ** bits;
  // A group has fewer different codes than elements at few bits: each is rounded once.
  const isTabulated = levels <= groupSize;
  const table = new Float32Array(levels);
  for (let group = 0; group < scales.length; group++) {
    const scale = scales[group];
    const bias = biases[group];
    const from = group * groupSize;
    if (isTabulated) for (let code = 0; code < levels; code++) table[code] = sum(product(scale * code) + bias);
    for (let i = from; i < from + groupSize; i++) {
      values[i] = isTabulated ? table[codes[i]] : sum(product(scale * codes[i]) + bias);
    }
  }
  return values;
}

/** E2M1: magnitudes by the lower three bits, the sign above. */
const fp4 = Float32Array.from([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6]);

/** E4M3, by pattern. */
const fp8 = Float32Array.from({ length: 256 }, (_, bits) => widenF8E4M3(bits));

/** Values of the codes of mxfp4 and nvfp4 (4 bits), or of mxfp8. */
const floatCodes = (bits: MlxBits): Float32Array => (bits === 4 ? fp4 : fp8);

/**
 * The float modes of `mx.dequantize` on a CPU, to the bit: a product in `dtype`.
 *
 * @param scales one a group, as `microscale` and `nvScale` give them
 */
export function dequantizeFloatGroups(
  codes: Uint8Array,
  bits: MlxBits,
  scales: Float32Array,
  groupSize: number,
  dtype: WeightDtype,
): Float32Array {
  const elements = floatCodes(bits);
  const round = roundTo[dtype];
  const values = new Float32Array(codes.length);
  for (let i = 0; i < values.length; i++) values[i] = round(elements[codes[i]] * scales[Math.floor(i / groupSize)]);
  return values;
}

/** The scale of a group in mxfp4 and mxfp8: E8M0, a power of two; 255 is none. */
export const microscale = (bits: number): number => (bits === 255 ? NaN : 2 ** (bits - 127));

/** What the largest code of the largest group scale comes to, 6 · 448: nvfp4 with a global scale divides by it. */
const NV_LARGEST = 6 * 448;

/** The scale of a group in nvfp4: E4M3, in f32 times the share of a scale of the whole tensor. */
export function nvScale(bits: number, globalScale: number | undefined): number {
  const scale = widenF8E4M3(bits);
  return globalScale === undefined ? scale : Math.fround(scale * Math.fround(globalScale / NV_LARGEST));
}
