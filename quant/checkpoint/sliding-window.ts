import type { ConfigFields, Range } from './config-fields.ts';
import { isGemma, type Family } from './families.ts';
import { quoted } from './quoted.ts';
import { POSITIONS } from './rope-config.ts';

/** transformers' defaults where the members are absent. */
const DEFAULT_WINDOW = 4096;
const DEFAULT_MAX_WINDOW_LAYERS = 28;
const DEFAULT_PATTERN = 6;
/** Gemma 2 has a window in every other layer, and no member that would say otherwise but `layer_types`. */
const GEMMA2_PATTERN = 2;

const LAYERS: Range = { min: 0, max: POSITIONS.max };

const layerTypes = ['full_attention', 'sliding_attention'];

/** By layer; undefined means that a query attends to all positions before it. */
type Windows = readonly (number | undefined)[];

/**
 * The attention window of each layer. Mistral has one for all layers, Qwen for the layers from `max_window_layers` on,
 * Gemma for all but every `sliding_window_pattern`th; in Qwen and Gemma `layer_types` may say it layer by layer.
 */
export function readSlidingWindow(fields: ConfigFields, family: Family, layers: number): Windows {
  const window = readWindow(fields, family);
  const slides = readSlidingLayers(fields, family);
  const windows = Array.from({ length: layers }, (_, layer) => (slides(layer) ? window : undefined));
  const byType = readLayerTypes(fields, layers, window);
  if (!byType) return windows;
  const alike = family === 'llama' || family === 'mistral';
  if (alike && byType.some((value, layer) => value !== windows[layer])) {
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
    case 'gemma2':
    case 'gemma3_text':
      if (window === undefined) throw fields.refusal(name, `${family} needs a window`);
      return window;
  }
}

/** Which layers have the window unless `layer_types` says otherwise. */
function readSlidingLayers(fields: ConfigFields, family: Family): (layer: number) => boolean {
  if (family === 'mistral') return () => true;
  if (isGemma(family)) {
    const pattern = family === 'gemma2' ? GEMMA2_PATTERN : readPattern(fields);
    return (layer) => (layer + 1) % pattern !== 0;
  }
  const first = fields.integer('max_window_layers', LAYERS) ?? DEFAULT_MAX_WINDOW_LAYERS;
  return (layer) => layer >= first;
}

const readPattern = (fields: ConfigFields): number =>
  fields.integer('sliding_window_pattern', { min: 1, max: LAYERS.max }) ?? DEFAULT_PATTERN;

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
