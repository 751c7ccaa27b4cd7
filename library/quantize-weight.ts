import { quantizeRows } from '../quant/schemes/quantize-rows.ts';
import { groupsPerRow, type Clip, type GroupSize } from '../quant/schemes/scheme.ts';

/** A float weight [N, K], as `nn.Linear` of PyTorch has it: y = x · Wᵀ + bias. */
export interface FloatWeight {
  outFeatures: number;
  inFeatures: number;
  /** `[N, K]` row by row; F16 and BF16 as their 16-bit patterns. */
  data: Float32Array | Uint16Array;
  /** Default: `F32`. */
  dtype?: 'F32' | 'F16' | 'BF16';
  /** `[N]`, added after the product. */
  bias?: Float32Array | undefined;
}

/** Symmetric codes and scales: `w ≈ scale · code`. */
export interface QuantizedWeight {
  outFeatures: number;
  inFeatures: number;
  /** `[N, K]`, one code an element: -127 … 127, or -8 … 7 at 4 bits. */
  codes: Int8Array;
  /** `[N, ceil(K / groupSize)]`, or `[N]` with one scale a row. */
  scales: Float32Array;
  /** Consecutive k that share a scale; 0, the default: one scale a row. The last group of a row may be shorter. */
  groupSize?: number;
  /** `[N]`, added after the product. */
  bias?: Float32Array | undefined;
}

export interface QuantizeOptions {
  /** Default: 0, one scale a row. */
  groupSize?: GroupSize;
  /** What scales are made from. Default: the largest magnitude. */
  clip?: Clip;
}

/**
 * Codes and scales by docs/numerics.md section 2.
 *
 * @throws NonFiniteWeightError at the first NaN or infinity; RangeError if lengths do not fit
 */
export function quantizeWeight(weight: FloatWeight, bits: 8 | 4, options: QuantizeOptions = {}): QuantizedWeight {
  const { outFeatures, inFeatures, data, dtype = 'F32', bias } = weight;
  const { groupSize = 0, clip = { kind: 'minmax' } } = options;
  const codes = new Int8Array(outFeatures * inFeatures);
  const scales = new Float32Array(outFeatures * groupsPerRow(inFeatures, groupSize));
  const rows = { dtype, data, rows: outFeatures, columns: inFeatures };
  quantizeRows(rows, { bits, groupSize, clip }, codes, scales);
  return { outFeatures, inFeatures, codes, scales, groupSize, bias };
}
