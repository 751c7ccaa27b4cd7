import type { ConfigFields } from './config-fields.ts';
import type { Family } from './families.ts';
import { quoted } from './quoted.ts';
import { POSITIONS } from './rope-config.ts';

/** transformers' defaults of Mistral and Qwen when `sliding_window` and `max_window_layers` are absent. */
const DEFAULT_WINDOW = 4096;
const DEFAULT_MAX_WINDOW_LAYERS = 28;

const layerTypes = ['full_attention', 'sliding_attention'];

/** By layer; undefined means that a query attends to all positions before it. */
type Windows = readonly (number | undefined)[];

/**
 * The attention window of each layer. Mistral has one for all layers; Qwen has one for the layers from
 * `max_window_layers` on, unless `layer_types` says it layer by layer.
 */
export function readSlidingWindow(fields: ConfigFields, family: Family, layers: number): Windows {
  const window = readWindow(fields, family);
  const firstLayer = family === 'mistral' ? 0 : readFirstWindowLayer(fields);
  const windows = Array.from({ length: layers }, (_, layer) => (layer >= firstLayer ? window : undefined));
  const byType = readLayerTypes(fields, layers, window);
  if (!byType) return windows;
  if (!family.startsWith('qwen') && byType.some((value, layer) => value !== windows[layer])) {
    throw fields.refusal('layer_types', `${family} layers all attend alike`);
  }
  return byType;
}

function readWindow(fields: ConfigFields, family: Family): number | undefined {
  const name = 'sliding_window';
  const given = fields.integer(name, POSITIONS);
  // null means no window; an absent member means the default.
  const window = fields.object.has(name) ? given : DEFAULT_WINDOW;
  switch (family) {
    case 'llama':
      if (given !== undefined) throw fields.refusal(name, 'llama layers attend to all positions before');
      return undefined;
    case 'mistral':
      return window;
    case 'qwen2':
    case 'qwen3':
      return fields.boolean('use_sliding_window') === true ? window : undefined;
  }
}

function readFirstWindowLayer(fields: ConfigFields): number {
  return fields.integer('max_window_layers', { min: 0, max: POSITIONS.max }) ?? DEFAULT_MAX_WINDOW_LAYERS;
}

function readLayerTypes(fields: ConfigFields, layers: number, window: number | undefined): Windows | undefined {
  const name = 'layer_types';
  const types = fields.strings(name);
  if (!types) return undefined;
  const unknown = types.find((type) => !layerTypes.includes(type));
  if (unknown !== undefined) {
    throw fields.refusal(name, `${quoted(unknown)} is not one of ${layerTypes.join(', ')}`);
  }
  if (types.length !== layers) {
    throw fields.refusal(name, `it has ${types.length} entries for num_hidden_layers ${layers}`);
  }
  if (window === undefined && types.includes('sliding_attention')) {
    throw fields.refusal(name, 'sliding_attention needs a sliding_window that is in use');
  }
  return types.map((type) => (type === 'sliding_attention' ? window : undefined));
}
