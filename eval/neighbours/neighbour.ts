import type { ModelFormat } from '../../quant/checkpoint/stored-model.ts';

/** Other programs that load checkpoints, as the script beside this file knows them. */
export const neighbourNames = ['transformers', 'mlx', 'vllm'] as const;
export type NeighbourName = (typeof neighbourNames)[number];

/** What decides who reads a checkpoint, and how closely. */
export interface CheckedScheme {
  format: ModelFormat;
  /** Of the codes; 0 = no codes. */
  bits: number;
  /** Of all linear layers but single exceptions; 0 = one scale a row, or no scales. */
  groupSize: number;
  quantizesActivations: boolean;
}

/** Why a neighbour is not asked to load such a checkpoint; undefined if it should load it. */
export function notAsked(name: NeighbourName, scheme: CheckedScheme): string | undefined {
  return reasons[name](scheme);
}

const reasons: Record<NeighbourName, (scheme: CheckedScheme) => string | undefined> = {
  transformers: ({ format }) => {
    if (format === 'mlx') return 'transformers does not read weights quantized by MLX';
    return format === 'gguf' ? OF_GGUF : undefined;
  },
  mlx: ({ format }) => {
    // Anything but its own is taken for 4-bit codes in groups of 32, without an error (mlx-lm issue 1865).
    if (format === 'compressed-tensors')
      return 'mlx-lm does not know compressed-tensors, and would misread it silently';
    return format === 'gguf' ? OF_GGUF : undefined;
  },
  vllm: ({ format, bits, quantizesActivations, groupSize }) => {
    if (format === 'mlx') return 'vLLM does not read weights quantized by MLX';
    if (format === 'gguf') return OF_GGUF;
    return quantizesActivations && bits === 8 && groupSize > 0
      ? 'vLLM takes one scale per channel of W8A8, and no groups'
      : undefined;
  },
};

const OF_GGUF = 'GGUF files are not checked: llama.cpp is none of those that are asked';
