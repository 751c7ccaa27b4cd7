import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupSizes, modes } from '../schemes/scheme.ts';
import {
  quantizationConfig,
  quantizedLinear,
  quantizedTensors,
  storageFormat,
  weightBits,
  withQuantizationConfig,
  type QuantizedModel,
} from './compressed-tensors.ts';
import { QuantizationConfig } from './compressed-tensors/quantization-config.ts';
import { parseModelConfig } from './hf-config.ts';

const channel: QuantizedModel = { mode: 'w8a8', groupSize: 0, perChannel: [], ignore: ['lm_head'] };

const base = `{
  "model_type": "llama", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96,
  "num_hidden_layers": 2, "num_attention_heads": 4, "rms_norm_eps": 1e-05, "rope_theta": 10000.0
}
`;

describe('quantizationConfig', () => {
  it('is what loaders of W8A8 per channel expect', () => {
    expect(quantizationConfig(channel)).toEqual({
      quant_method: 'compressed-tensors',
      format: 'int-quantized',
      quantization_status: 'compressed',
      global_compression_ratio: null,
      kv_cache_scheme: null,
      ignore: ['lm_head'],
      config_groups: {
        group_0: {
          targets: ['Linear'],
          weights: { num_bits: 8, type: 'int', symmetric: true, strategy: 'channel', group_size: null, dynamic: false },
          input_activations: {
            num_bits: 8,
            type: 'int',
            symmetric: true,
            strategy: 'token',
            group_size: null,
            dynamic: true,
          },
          output_activations: null,
        },
      },
    });
  });

  it('names layers that differ before the others', () => {
    const config = quantizationConfig({ ...channel, mode: 'w4a16', groupSize: 128, perChannel: ['a.b'] });
    expect(config).toMatchObject({
      format: 'pack-quantized',
      config_groups: {
        group_0: { targets: ['a.b'], weights: { num_bits: 4, strategy: 'channel' }, input_activations: null },
        group_1: { targets: ['Linear'], weights: { num_bits: 4, strategy: 'group', group_size: 128 } },
      },
    });
  });

  it('is read back as it was meant', () => {
    const paths = ['model.layers.0.mlp.up_proj', 'model.layers.11.self_attn.q_proj'];
    const path = fc.constantFrom('lm_head', ...paths);
    const model = fc.record({
      mode: fc.constantFrom(...modes),
      groupSize: fc.constantFrom(...groupSizes),
      perChannel: fc.uniqueArray(path),
      ignore: fc.uniqueArray(path),
    });
    fc.assert(
      fc.property(model, (written) => {
        const { raw } = parseModelConfig(Buffer.from(withQuantizationConfig(base, written)));
        const read = new QuantizationConfig(raw);
        for (const module of ['lm_head', ...paths, 'model.layers.3.mlp.gate_proj']) {
          const linear = quantizedLinear(written, module);
          const expected = linear && {
            weights: {
              bits: weightBits(linear.mode),
              isSymmetric: true,
              strategy: linear.groupSize === 0 ? 'channel' : 'group',
              groupSize: linear.groupSize,
              isPacked: storageFormat(linear.mode) === 'pack-quantized',
              hasColumnGroups: false,
            },
            inputs: { kind: linear.mode.endsWith('a8') ? 'int8' : 'float' },
          };
          expect(read.schemeOf({ path: module, classes: ['Linear', 'Module'] })).toEqual(expected);
        }
      }),
    );
  });
});

describe('withQuantizationConfig', () => {
  it('leaves the rest of the text as it was', () => {
    const text = withQuantizationConfig(base, channel);
    expect(text.startsWith(base.trimEnd().slice(0, -2))).toBe(true);
    expect(JSON.parse(text)).toEqual({
      ...(JSON.parse(base) as object),
      quantization_config: quantizationConfig(channel),
    });
    expect(JSON.parse(withQuantizationConfig('{}', channel))).toEqual({
      quantization_config: quantizationConfig(channel),
    });
  });

  it('refuses a text that has one, or is no object', () => {
    expect(() => withQuantizationConfig(withQuantizationConfig(base, channel), channel)).toThrow(
      /without quantization/,
    );
    expect(() => withQuantizationConfig('[]', channel)).toThrow(/expected an object/);
  });
});

describe('quantizedLinear', () => {
  it('leaves ignored layers float and gives exceptions one scale a row', () => {
    const model: QuantizedModel = { mode: 'w4a8', groupSize: 64, perChannel: ['b'], ignore: ['c'] };
    expect(quantizedLinear(model, 'a')).toEqual({ mode: 'w4a8', groupSize: 64 });
    expect(quantizedLinear(model, 'b')).toEqual({ mode: 'w4a8', groupSize: 0 });
    expect(quantizedLinear(model, 'c')).toBeUndefined();
  });
});

describe('quantizedTensors', () => {
  it('are one code an element where activations are quantized, and packed words where not', () => {
    expect(quantizedTensors('m', [10, 96], 'w4a8', 32)).toEqual([
      { name: 'm.weight', dtype: 'I8', shape: [10, 96] },
      { name: 'm.weight_scale', dtype: 'F32', shape: [10, 3] },
    ]);
    expect(quantizedTensors('m', [10, 33], 'w4a16', 0)).toEqual([
      { name: 'm.weight_packed', dtype: 'I32', shape: [10, 5] },
      { name: 'm.weight_scale', dtype: 'F32', shape: [10, 1] },
      { name: 'm.weight_shape', dtype: 'I64', shape: [2] },
    ]);
  });
});
