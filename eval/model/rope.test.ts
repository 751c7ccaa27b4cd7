import { describe, expect, it } from 'vitest';
import { parseModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { attentionFactor, inverseFrequencies } from './rope.ts';

interface GoldenCase {
  name: string;
  headDim: number;
  maxPositionEmbeddings: number;
  parameters: object;
  attentionFactor: number;
  /** f32 to nine digits, which name it exactly. */
  frequencies: readonly number[];
}

/** Computed by `LlamaRotaryEmbedding` of transformers 5.23 with `rope_parameters` set to `parameters`. */
const golden: readonly GoldenCase[] = [
  {
    name: 'default',
    headDim: 16,
    maxPositionEmbeddings: 2048,
    parameters: { rope_type: 'default', rope_theta: 1000000.0 },
    attentionFactor: 1.0,
    frequencies: [
      1.0, 0.177827939, 0.0316227786, 0.00562341325, 0.00100000005, 0.00017782794, 3.16227743e-5, 5.62341347e-6,
    ],
  },
  {
    name: 'linear',
    headDim: 16,
    maxPositionEmbeddings: 2048,
    parameters: { rope_type: 'linear', rope_theta: 10000.0, factor: 4.0 },
    attentionFactor: 1.0,
    frequencies: [
      0.25, 0.079056941, 0.0250000004, 0.00790569466, 0.00249999994, 0.000790569466, 0.000250000012, 7.90569466e-5,
    ],
  },
  {
    name: 'llama3',
    headDim: 16,
    maxPositionEmbeddings: 131072,
    parameters: {
      rope_type: 'llama3',
      rope_theta: 500000.0,
      factor: 32.0,
      low_freq_factor: 1.0,
      high_freq_factor: 4.0,
      original_max_position_embeddings: 8192,
    },
    attentionFactor: 1.0,
    frequencies: [
      1.0, 0.193922758, 0.0376060307, 0.00729266508, 0.000429556705, 8.57025589e-6, 1.66196742e-6, 3.22293289e-7,
    ],
  },
  {
    name: 'llama3 without an original length',
    headDim: 16,
    maxPositionEmbeddings: 4096,
    parameters: { rope_type: 'llama3', rope_theta: 10000.0, factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0 },
    attentionFactor: 1.0,
    frequencies: [
      1.0, 0.316227764, 0.100000001, 0.0316227786, 0.00999999978, 0.0013743249, 0.000125000006, 3.95284733e-5,
    ],
  },
  {
    name: 'yarn',
    headDim: 16,
    maxPositionEmbeddings: 131072,
    parameters: { rope_type: 'yarn', rope_theta: 1000000.0, factor: 4.0, original_max_position_embeddings: 32768 },
    attentionFactor: 1.138629436111989,
    frequencies: [
      1.0, 0.177827939, 0.0316227786, 0.00421755994, 0.000500000024, 4.44569851e-5, 7.90569356e-6, 1.40585337e-6,
    ],
  },
  {
    name: 'yarn, not truncated',
    headDim: 16,
    maxPositionEmbeddings: 4096,
    parameters: {
      rope_type: 'yarn',
      rope_theta: 10000.0,
      factor: 8.0,
      original_max_position_embeddings: 512,
      truncate: false,
      beta_fast: 16.0,
      beta_slow: 2.0,
    },
    attentionFactor: 1.2079441541679836,
    frequencies: [
      1.0, 0.316227764, 0.0716084614, 0.00732499827, 0.00124999997, 0.000395284733, 0.000125000006, 3.95284733e-5,
    ],
  },
  {
    name: 'yarn, mscale',
    headDim: 16,
    maxPositionEmbeddings: 4096,
    parameters: {
      rope_type: 'yarn',
      rope_theta: 10000.0,
      factor: 40.0,
      original_max_position_embeddings: 4096,
      mscale: 0.707,
      mscale_all_dim: 1.0,
    },
    attentionFactor: 0.9210423553163399,
    frequencies: [
      1.0, 0.316227764, 0.100000001, 0.0239147246, 0.00512499968, 0.000849862176, 2.49999994e-5, 7.90569447e-6,
    ],
  },
  {
    name: 'yarn, attention_factor',
    headDim: 16,
    maxPositionEmbeddings: 4096,
    parameters: {
      rope_type: 'yarn',
      rope_theta: 10000.0,
      factor: 2.0,
      original_max_position_embeddings: 2048,
      attention_factor: 1.25,
    },
    attentionFactor: 1.25,
    frequencies: [
      1.0, 0.316227764, 0.100000001, 0.0276699308, 0.00749999983, 0.00197642366, 0.000500000024, 0.000158113893,
    ],
  },
  {
    name: 'yarn, mscale alone',
    headDim: 16,
    maxPositionEmbeddings: 4096,
    parameters: {
      rope_type: 'yarn',
      rope_theta: 10000.0,
      factor: 2.0,
      original_max_position_embeddings: 2048,
      mscale: 0.5,
    },
    attentionFactor: 1.0693147180559945,
    frequencies: [
      1.0, 0.316227764, 0.100000001, 0.0276699308, 0.00749999983, 0.00197642366, 0.000500000024, 0.000158113893,
    ],
  },
  {
    name: 'yarn, ramp without length',
    headDim: 8,
    maxPositionEmbeddings: 64,
    parameters: {
      rope_type: 'yarn',
      rope_theta: 10000.0,
      factor: 2.0,
      original_max_position_embeddings: 64,
      beta_fast: 32.0,
      beta_slow: 31.0,
      truncate: false,
    },
    attentionFactor: 1.0693147180559945,
    frequencies: [1.0, 0.100000001, 0.00999999978, 0.00100000005],
  },
];

describe('inverseFrequencies', () => {
  it.each(golden)('equals transformers in every bit: $name', (expected) => {
    const { headDim, maxPositionEmbeddings } = expected;
    const { rope } = parseModelConfig(
      Buffer.from(
        JSON.stringify({
          model_type: 'llama',
          vocab_size: 32,
          hidden_size: 32,
          intermediate_size: 32,
          num_hidden_layers: 1,
          num_attention_heads: 2,
          head_dim: headDim,
          max_position_embeddings: maxPositionEmbeddings,
          rope_parameters: expected.parameters,
        }),
      ),
    );
    expect(inverseFrequencies(rope, headDim)).toEqual(Float32Array.from(expected.frequencies));
    expect(attentionFactor(rope)).toBeCloseTo(expected.attentionFactor, 14);
  });
});
