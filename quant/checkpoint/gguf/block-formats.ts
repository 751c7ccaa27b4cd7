import { kQuants } from './k-quants.ts';
import { plainQuants } from './plain-quants.ts';

/** Where `unpack` puts what blocks hold. `biases` is empty for symmetric formats. */
export interface BlockParts {
  /** One an element, in the order of the row: signed for symmetric formats, unsigned for affine ones. */
  codes: Int8Array | Uint8Array;
  /** One a group. */
  scales: Float32Array;
  /** One a group. */
  biases: Float32Array;
}

/**
 * A quantized type whose blocks are groups of codes: w = scale · code, or scale · code + bias. Scales are products of an
 * f16 and a small integer, and so exact in f32, as is their product with a code (24 bits at most); the addition of the
 * bias alone is rounded. So the formula gives the bits that ggml's own dequantization gives.
 */
export interface BlockFormat {
  /** As in `TensorType`. */
  name: string;
  kind: 'symmetric' | 'affine';
  bits: 4 | 5 | 6 | 8;
  groupSize: 16 | 32;
  /** @param blocks whole blocks; `parts` are as long as they need */
  unpack: (blocks: Uint8Array, parts: BlockParts) => void;
}

/** Types of blocks that can be read. */
export const blockFormats: readonly BlockFormat[] = [...plainQuants, ...kQuants];

export const blockFormatOf = (name: string): BlockFormat | undefined =>
  blockFormats.find((format) => format.name === name);
