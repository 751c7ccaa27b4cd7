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
export function unsignedCodes(codes: Int8Array, bits: number): Uint8Array {
  const zero = 2 ** (bits - 1);
  const unsigned = new Uint8Array(codes.length);
  for (let i = 0; i < codes.length; i++) unsigned[i] = codes[i] + zero;
  return unsigned;
}

/** The inverse of `unsignedCodes`. */
export function signedCodes(codes: Uint8Array, bits: number): Int8Array {
  const zero = 2 ** (bits - 1);
  const signed = new Int8Array(codes.length);
  for (let i = 0; i < codes.length; i++) signed[i] = codes[i] - zero;
  return signed;
}

export const symmetricBiases = (scales: Float32Array, bits: number): Float32Array =>
  scales.map((scale) => -(2 ** (bits - 1)) * scale);

/** The inverse of `symmetricAsAffine`, where every bias is just that of its scale; undefined where one is not. */
export function affineAsSymmetric(
  { codes, scales, biases }: { codes: Uint8Array; scales: Float32Array; biases: Float32Array },
  bits: number,
): { kind: 'symmetric'; codes: Int8Array; scales: Float32Array } | undefined {
  const zero = 2 ** (bits - 1);
  if (!scales.every((scale, group) => biases[group] === -zero * scale)) return undefined;
  return { kind: 'symmetric', codes: signedCodes(codes, bits), scales };
}
