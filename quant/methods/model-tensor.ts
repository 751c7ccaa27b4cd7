import { modelTensors, type ModelTensor } from '../checkpoint/architecture.ts';
import type { ModelConfig } from '../checkpoint/hf-config.ts';

/** A tensor of a model, with the path of its module inside its layer. */
export interface LayerTensor extends ModelTensor {
  /** `self_attn.q_proj` for `model.layers.0.self_attn.q_proj`; that of a module outside all layers is its whole path. */
  part: string;
}

/** Finds tensors of `modelTensors(config)` by their names. @returns a function that throws a RangeError for any other */
export function tensorFinder(config: ModelConfig): (name: string) => LayerTensor {
  const tensors = new Map(modelTensors(config).map((tensor) => [tensor.name, { ...tensor, part: partOf(tensor) }]));
  return (name) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new RangeError(`${name} is no tensor of the model`);
    return tensor;
  };
}

const partOf = ({ module, layer }: ModelTensor): string =>
  layer === undefined ? module : module.slice(layerPath(layer).length + 1);

/** Path of a layer's module. */
export const layerPath = (layer: number): string => `model.layers.${layer}`;
