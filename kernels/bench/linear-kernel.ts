import type { AffineWeight, DenseWeight, IntegerWeight, WeightSource } from '../backend.ts';
import { groupCount } from '../reference/product.ts';
import { Random } from '../verify/random.ts';

/** A kind of linear layer that is timed: a column of the table. */
export interface LinearKernel {
  /** `w8a8-g128` for instance. */
  name: string;
  /** What is multiplied: int8 by quantized activations, else floats, which matrix units take in halves of bf16. */
  operands: 'int8' | 'bf16' | 'f32';
  makeWeight: (outFeatures: number, inFeatures: number) => WeightSource;
}

/** Of the weight-only baselines: MLX's default. */
const AFFINE_GROUP_SIZE = 64;

/** Content is the same in every run; it hardly matters for speed. */
const SEED = 1;

/** W8A8 per channel and by group, W4A8, and the baselines, in the order of the table. */
export function linearKernels(groupSize: number): LinearKernel[] {
  const integer = (bits: 8 | 4, size: number): LinearKernel => ({
    name: `w${bits}a8${size === 0 ? '' : `-g${size}`}`,
    operands: 'int8',
    makeWeight: (n, k) => integerWeight(bits, size, n, k),
  });
  const affine = (bits: 8 | 4): LinearKernel => ({
    name: `w${bits}a16`,
    operands: 'bf16',
    makeWeight: (n, k) => affineWeight(bits, n, k),
  });
  const bf16: LinearKernel = { name: 'bf16', operands: 'bf16', makeWeight: bf16Weight };
  const f32: LinearKernel = { name: 'f32', operands: 'f32', makeWeight: f32Weight };
  const grouped = groupSize === 0 ? [] : [integer(8, groupSize)];
  return [integer(8, 0), ...grouped, integer(4, groupSize), affine(8), affine(4), bf16, f32];
}

function integerWeight(bits: 8 | 4, groupSize: number, outFeatures: number, inFeatures: number): IntegerWeight {
  const codes = new Int8Array(outFeatures * inFeatures);
  new Random(SEED).fillCodes(codes, bits);
  const scales = new Float32Array(outFeatures * groupCount(inFeatures, groupSize)).fill(0.01);
  return { kind: 'integer', bits, groupSize, outFeatures, inFeatures, codes, scales };
}

function affineWeight(bits: 8 | 4, outFeatures: number, inFeatures: number): AffineWeight {
  const signed = new Int8Array(outFeatures * inFeatures);
  new Random(SEED).fillCodes(signed, 8);
  const codes = new Uint8Array(signed.buffer);
  if (bits === 4) for (let i = 0; i < codes.length; i++) codes[i] &= 15;
  const groups = outFeatures * groupCount(inFeatures, AFFINE_GROUP_SIZE);
  const scale = 0.01;
  const scales = new Float32Array(groups).fill(scale);
  // Weights on both sides of 0, as in a model.
  const biases = new Float32Array(groups).fill(-scale * 2 ** (bits - 1));
  return { kind: 'affine', bits, groupSize: AFFINE_GROUP_SIZE, outFeatures, inFeatures, codes, scales, biases };
}

function f32Weight(outFeatures: number, inFeatures: number): DenseWeight & { data: Float32Array } {
  const data = new Float32Array(outFeatures * inFeatures);
  new Random(SEED).fillFloats(data, 1);
  return { kind: 'dense', dtype: 'F32', outFeatures, inFeatures, data };
}

function bf16Weight(outFeatures: number, inFeatures: number): DenseWeight {
  const values = f32Weight(outFeatures, inFeatures).data;
  const halves = new Uint16Array(values.buffer);
  const data = new Uint16Array(values.length);
  for (let i = 0; i < data.length; i++) data[i] = halves[2 * i + 1];
  return { kind: 'dense', dtype: 'BF16', outFeatures, inFeatures, data };
}
