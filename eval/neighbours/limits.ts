import type { CheckedScheme, NeighbourName } from './neighbour.ts';

/**
 * Limits of the mean KL divergence in nats, above which a neighbour counts as reading another model than we do. What was
 * measured, of right models and of wrong ones, is in docs/reliability.md.
 */
export function klLimit(name: NeighbourName, { format, quantizesActivations }: CheckedScheme): number {
  if (quantizesActivations) return QUANTIZED_ACTIVATIONS;
  if (format === 'mlx') return MLX_EMBEDDING;
  // It computes in the dtype of the checkpoint, mostly 16 bits, where the others are made to compute in f32.
  return name === 'vllm' ? IN_16_BITS : FLOAT_ACTIVATIONS;
}

/**
 * Weights of the same values and arithmetic in f32 on both sides: only the order of sums differs, which costs 1e-10. A
 * scale that was rounded to 16 bits costs more than this.
 */
export const FLOAT_ACTIVATIONS = 1e-6;

/**
 * transformers divides activations by absmax / 127.5 where we divide by absmax / 127, so that all their roundings fall
 * otherwise: as far as quantizing them moves the model. Only what is grossly wrong is above that; how the weights are read
 * is checked with float activations.
 */
const QUANTIZED_ACTIVATIONS = 0.5;

/**
 * A quantized embedding is dequantized in the dtype of its scales, of 16 bits; MLX does so too, but not when it is made to
 * compute in f32. With an embedding rounded as ours the divergence is 1e-13.
 */
const MLX_EMBEDDING = 1e-3;

/** Not measured. */
const IN_16_BITS = 0.1;
