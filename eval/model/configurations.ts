import type { DecodeMode } from '../../kernels/backend.ts';
import type { StoredModel } from '../../quant/checkpoint/stored-model.ts';
import { UsageError } from '../../quant/errors.ts';
import { groupSizes, type GroupSize, type WeightScheme } from '../../quant/schemes/scheme.ts';
import { isInteger } from './stored-weight.ts';

/** How a model is held and multiplied: one row of the table that `eval-ppl` prints. */
export type Configuration = StoredConfiguration | IntegerConfiguration | AffineConfiguration;

/** Weights as the model holds them. */
export interface StoredConfiguration {
  name: string;
  kind: 'stored';
  /** As of an `IntegerConfiguration`, where the model holds integer weights. */
  floatActivations?: true;
}

/** Symmetric integer weights, activations quantized per token. */
export interface IntegerConfiguration {
  name: string;
  kind: 'integer';
  scheme: WeightScheme;
  /** Activations stay float at every position: the arithmetic of decoding, applied to whole windows. */
  floatActivations?: true;
}

/** Weight-only codes with a scale and a bias a group; activations stay float. */
export interface AffineConfiguration {
  name: string;
  kind: 'affine';
  bits: 8 | 4;
  groupSize: number;
}

/** MLX's default, and that of the baselines in docs/numerics.md section 2. */
const AFFINE_GROUP_SIZE = 64;

const integer = (bits: 8 | 4, groupSize: GroupSize): IntegerConfiguration => ({
  name: groupSize === 0 ? `w${bits}a8` : `w${bits}a8-g${groupSize}`,
  kind: 'integer',
  scheme: { bits, groupSize, clip: { kind: 'minmax' } },
});

const affine = (bits: 8 | 4): AffineConfiguration => ({
  name: `w${bits}a16`,
  kind: 'affine',
  bits,
  groupSize: AFFINE_GROUP_SIZE,
});

/** All configurations; the names are stable. */
export const configurations: readonly Configuration[] = [
  { name: 'fp16', kind: 'stored' },
  affine(8),
  ...groupSizes.map((groupSize) => integer(8, groupSize)),
  affine(4),
  ...groupSizes.map((groupSize) => integer(4, groupSize)),
];

/** The one row of a model that is quantized already, named by its own scheme; undefined for a float model. */
export function storedConfiguration({ rowName }: Pick<StoredModel, 'rowName'>): StoredConfiguration | undefined {
  return rowName === undefined ? undefined : { name: rowName, kind: 'stored' };
}

/**
 * The configuration with the arithmetic that one token at a time has (docs/numerics.md section 5). Only integer layers
 * tell prompts from decoding, and under `w8a8` not even these do: those give the same bits. Mode `w8a16` is marked in
 * the name.
 *
 * @param model that is to be loaded so
 */
export function decodedAs(
  configuration: Configuration,
  mode: DecodeMode,
  model: Pick<StoredModel, 'tensors'>,
): Configuration {
  if (mode === 'w8a8') return configuration;
  if (configuration.kind === 'affine') return configuration;
  const hasIntegers = (): boolean => [...model.tensors.values()].some(({ codes }) => codes && isInteger(codes));
  if (configuration.kind === 'stored' && !hasIntegers()) return configuration;
  return { ...configuration, name: `${configuration.name}-decode`, floatActivations: true };
}

/** The configuration of a name such as `w8a8-g64`. @throws UsageError `E_CONFIGURATION` */
export function parseConfiguration(name: string): Configuration {
  const found = configurations.find((configuration) => configuration.name === name);
  if (found) return found;
  throw new UsageError(`unknown configuration ${JSON.stringify(name)}`, {
    code: 'E_CONFIGURATION',
    hint: `known configurations: ${configurations.map((known) => known.name).join(', ')}`,
    details: { name },
  });
}
