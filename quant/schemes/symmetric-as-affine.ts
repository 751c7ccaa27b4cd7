import type { AffineWeight, IntegerWeight } from '../../kernels/weight-kinds.ts';

/** Symmetric codes in the form of weight-only layers: scale · code = scale · (code + 2^(b-1)) - 2^(b-1) · scale. */
export function symmetricAsAffine({ codes, scales, bits, ...weight }: IntegerWeight): AffineWeight {
  const signed = ArrayBuffer.isView(codes) ? codes : codes.read();
  return {
    ...weight,
    kind: 'affine',
    bits,
    codes: unsignedCodes(signed, bits),
    scales,
    biases: symmetricBiases(scales, bits),
  };
}

/** `code + 2^(b-1)`, which is also what packing stores. */
export const unsignedCodes = (codes: Int8Array, bits: number): Uint8Array =>
  Uint8Array.from(codes, (code) => code + 2 ** (bits - 1));

export const symmetricBiases = (scales: Float32Array, bits: number): Float32Array =>
  scales.map((scale) => -(2 ** (bits - 1)) * scale);

/** The inverse, where every bias is just that of its scale; undefined where one is not. */
export function affineAsSymmetric(
  { codes, scales, biases }: { codes: Uint8Array; scales: Float32Array; biases: Float32Array },
  bits: number,
): { kind: 'symmetric'; codes: Int8Array; scales: Float32Array } | undefined {
  const zero = 2 ** (bits - 1);
  if (!scales.every((scale, group) => biases[group] === -zero * scale)) return undefined;
  return { kind: 'symmetric', codes: Int8Array.from(codes, (code) => code - zero), scales };
}
