import {
  describeGrid,
  gridSuffix,
  isComputedWithIntegers,
  modeOf,
  type LayerScheme,
  type WeightScheme,
} from './layer-scheme.ts';

/** A layer that config.json has a scheme for. */
export interface QuantizedLayer {
  scheme: LayerScheme;
  /** Of its weight. */
  elements: number;
}

interface Kind {
  scheme: LayerScheme & { weights: WeightScheme };
  layers: number;
  elements: number;
}

export interface DescribedSchemes {
  /** `w4a16, groups of 128, 2 layers per channel`. */
  scheme: string;
  /** `w4a16-g128`, with the modes of other layers behind it: `w4a16-g128+w8a16`. */
  rowName: string;
  warnings: readonly string[];
}

/**
 * In words, how the layers of a model are quantized: the scheme that most elements have, then the others, and where
 * evaluation differs from what the model was made for. Undefined if no weight is quantized.
 */
export function describeSchemes(layers: readonly QuantizedLayer[]): DescribedSchemes | undefined {
  const kinds = new Map<string, Kind>();
  for (const { scheme, elements } of layers) {
    const { weights, inputs } = scheme;
    if (!weights) continue;
    const key = describeKind({ weights, inputs });
    const kind = kinds.get(key);
    if (kind) {
      kind.layers++;
      kind.elements += elements;
    } else kinds.set(key, { scheme: { weights, inputs }, layers: 1, elements });
  }
  const [main, ...others] = [...kinds.values()].sort((a, b) => b.elements - a.elements);
  if (!(main as Kind | undefined)) return undefined;
  const mode = modeOf(main.scheme);
  const modes = [...new Set(others.map(({ scheme }) => modeOf(scheme)))].filter((other) => other !== mode);
  return {
    scheme: [describeKind(main.scheme), ...others.map((other) => describeOther(other, mode))].join(', '),
    rowName: [mode + gridSuffix(main.scheme.weights), ...modes].join('+'),
    warnings: warnAboutInputs(layers),
  };
}

const describeKind = (scheme: Kind['scheme']): string => `${modeOf(scheme)}, ${describeGrid(scheme.weights)}`;

function describeOther({ scheme, layers }: Kind, mainMode: string): string {
  const mode = modeOf(scheme);
  const grid = describeGrid(scheme.weights);
  return `${layers} ${layers === 1 ? 'layer' : 'layers'} ${mode === mainMode ? grid : `${mode} ${grid}`}`;
}

/** What is evaluated with float inputs although the model was made for others. */
function warnAboutInputs(layers: readonly QuantizedLayer[]): string[] {
  const counts = new Map<string, number>();
  for (const { scheme } of layers) {
    const what = floatInputsInsteadOf(scheme);
    if (what !== undefined) counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].map(
    ([what, count]) =>
      `inputs of ${count} ${count === 1 ? 'layer are' : 'layers are'} evaluated as floats, not as ${what}`,
  );
}

function floatInputsInsteadOf(scheme: LayerScheme): string | undefined {
  const { inputs, weights } = scheme;
  if (inputs.kind === 'float' || isComputedWithIntegers(scheme)) return undefined;
  if (inputs.kind === 'other') return inputs.what;
  if (!weights) return 'int8 per token, as their weights are floats';
  const { bits, isSymmetric, hasColumnGroups } = weights;
  const why = !isSymmetric ? 'are asymmetric' : hasColumnGroups ? 'have reordered columns' : `have ${bits} bits`;
  return `int8 per token, as their weights ${why}`;
}
