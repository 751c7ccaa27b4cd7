import { modelTensors } from '../quant/checkpoint/architecture.ts';
import { parseModelConfig, type ModelConfig } from '../quant/checkpoint/hf-config.ts';
import type { FloatModel } from '../quant/methods/float-model.ts';
import { randomFloats } from './random-arrays.ts';

/** A model of two layers with two query heads to a key-value head; `members` of config.json go over these. */
export function smallConfig(members: Readonly<Record<string, unknown>> = {}): ModelConfig {
  const json = {
    model_type: 'llama',
    vocab_size: 17,
    hidden_size: 20,
    intermediate_size: 28,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 6,
    ...members,
  };
  return parseModelConfig(new TextEncoder().encode(JSON.stringify(json)));
}

/** A model in memory. Gains are 0.5 … 1.5, biases -0.5 … 0.5, and weights such that channels stay around 1. */
export function randomModel(config: ModelConfig, seed: number): FloatModel {
  const tensors = new Map(
    modelTensors(config).map(({ name, role, shape }, index) => {
      const count = shape.reduce((product, length) => product * length, 1);
      const values = randomFloats(count, seed * 1009 + index);
      const [factor, offset] =
        role === 'norm' ? [0.5, 1 - config.gainOffset] : role === 'bias' ? [0.5, 0] : [Math.sqrt(3 / shape[1]), 0];
      return [name, values.map((value) => value * factor + offset)];
    }),
  );
  return modelOf(config, tensors);
}

/** A model of tensors in memory. */
export function modelOf(config: ModelConfig, tensors: ReadonlyMap<string, Float32Array>): FloatModel {
  return {
    config,
    read: (name) => {
      const values = tensors.get(name);
      return values ? Promise.resolve(values.slice()) : Promise.reject(new RangeError(`${name} is no tensor`));
    },
  };
}
