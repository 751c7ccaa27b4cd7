import { HEAD_MODULE, modelTensors, type ModelTensor } from '../checkpoint/architecture.ts';
import { checkTensors } from '../checkpoint/check-tensors.ts';
import type { TensorEntry } from '../checkpoint/checkpoint.ts';
import { quantizedLinear, type QuantizedModel } from '../checkpoint/compressed-tensors.ts';
import type { ModelConfig } from '../checkpoint/hf-config.ts';
import { tensorBytes, type TensorSpec } from '../checkpoint/tensor-size.ts';
import { weightDtype } from '../checkpoint/weight-dtype.ts';
import { InputError } from '../errors.ts';
import { groupSizes, type Clip, type GroupSize, type Mode } from '../schemes/scheme.ts';
import type { OutputFormat, OutputFormatName, WeightStorage } from './formats/output-format.ts';
import { outputFormats } from './formats/output-formats.ts';
import { compilePatterns } from './patterns.ts';

/** What becomes of the tensors of a checkpoint. */
export interface PlanOptions {
  /** `float`: all tensors keep their dtypes. */
  mode: Mode | 'float';
  groupSize: GroupSize;
  clip: Clip;
  /** Linear layers that stay float: see `compilePatterns`. */
  ignore: readonly string[];
  /** What is done about a weight whose K is not a multiple of the group size: one scale a row, or no codes at all. */
  onIndivisible: 'error' | 'channel' | 'float';
  /** compressed-tensors unless another is named. */
  format?: OutputFormatName | undefined;
  /** Whether embedding and output layer are quantized like the linear layers, if the format can: not unless it is said. */
  quantizeEmbeddings?: boolean | undefined;
  /** Whether codes that the source holds go over as they are: scales keep their dtype then. */
  repack?: boolean | undefined;
}

export interface CopiedTensor {
  kind: 'copy';
  source: TensorEntry;
  outputs: readonly TensorSpec[];
  /** Why it is not quantized. */
  reason: 'no linear weight' | 'ignored' | 'indivisible' | 'empty' | 'float';
}

export interface QuantizedTensor {
  kind: 'quantize';
  source: TensorEntry;
  /** Those that the codes fill come first. */
  outputs: readonly TensorSpec[];
  linear: WeightStorage;
}

export type PlannedTensor = CopiedTensor | QuantizedTensor;

export interface TensorPlan {
  tensors: readonly PlannedTensor[];
  /** What the output's config says about its linear layers; undefined: nothing, as they are float. */
  model: QuantizedModel | undefined;
  warnings: readonly string[];
}

/** The output layer: the most sensitive of all, and often tied to the embedding. */
export const DEFAULT_IGNORE: string = HEAD_MODULE;

/** The format that is asked for. */
export const formatOf = ({ format = 'compressed-tensors' }: Pick<PlanOptions, 'format'>): OutputFormat =>
  outputFormats[format];

/**
 * Decides tensor by tensor from names, shapes and dtypes alone; no weight is read.
 *
 * @throws UsageError for what the format does not have; InputError for tensors that do not fit the config, or whose K is
 * not a multiple of the group size
 */
export function planTensors(
  { tensors: sources }: { tensors: ReadonlyMap<string, TensorEntry> },
  config: ModelConfig,
  options: PlanOptions,
): TensorPlan {
  const warnings = [...checkTensors(config, sources)];
  const { mode, groupSize, quantizeEmbeddings = false } = options;
  if (mode === 'float') return { tensors: [...sources.values()].map(copied('float')), model: undefined, warnings };
  const format = formatOf(options);
  format.checkRequest({ ...options, mode, quantizeEmbeddings });
  const known = modelTensors(config).filter((tensor) => format.canQuantize(tensor));
  const candidates = new Map(known.map(({ name, module }) => [name, module]));
  const modules = [...candidates.values()];
  const patterns = compilePatterns(options.ignore);
  for (const { pattern, matches } of patterns) {
    if (pattern !== DEFAULT_IGNORE && !modules.some(matches))
      warnings.push(`--ignore ${pattern} matches no linear layer`);
  }
  const ignored = ignoredModules(known, config, options);
  const weights = [...sources.values()].filter(({ name }) => {
    const module = candidates.get(name);
    return module !== undefined && !ignored.includes(module);
  });
  const left = indivisible(weights, options).flatMap(({ name }) => candidates.get(name) ?? []);
  const staysFloat = options.onIndivisible === 'float' ? left : [];
  const model: QuantizedModel = {
    mode,
    groupSize,
    perChannel: options.onIndivisible === 'float' ? [] : left,
    ignore: [...ignored, ...staysFloat, ...format.absentModules(config)],
  };

  const tensors = [...sources.values()].map((source): PlannedTensor => {
    const module = candidates.get(source.name);
    if (module === undefined) return copied('no linear weight')(source);
    const linear = quantizedLinear(model, module);
    if (!linear) return copied(staysFloat.includes(module) ? 'indivisible' : 'ignored')(source);
    if (source.bytes === 0) return copied('empty')(source);
    const dtype = weightDtype(source);
    const storage = { ...linear, scaleDtype: options.repack === true ? dtype : format.scaleDtype(dtype) };
    return { kind: 'quantize', source, linear: storage, outputs: format.tensors(module, source.shape, storage) };
  });
  return { tensors, model, warnings };
}

/** The modules of weights that stay float because it was asked for. */
function ignoredModules(
  known: readonly ModelTensor[],
  { tieWordEmbeddings }: ModelConfig,
  { ignore, quantizeEmbeddings }: PlanOptions,
): string[] {
  const patterns = compilePatterns(ignore);
  const isIgnored = (module: string): boolean => patterns.some(({ matches }) => matches(module));
  const staysFloat = ({ role, module }: ModelTensor): boolean => {
    if (isIgnored(module)) return true;
    // A tied embedding is the output layer, too.
    return role === 'embedding' && (quantizeEmbeddings !== true || (tieWordEmbeddings && isIgnored(HEAD_MODULE)));
  };
  return known.filter(staysFloat).map(({ module }) => module);
}

const copied =
  (reason: CopiedTensor['reason']) =>
  (source: TensorEntry): CopiedTensor => ({ kind: 'copy', source, outputs: [source], reason });

/** The weights that groups do not fit; refused unless something may be done about them. */
function indivisible(weights: readonly TensorEntry[], options: PlanOptions): TensorEntry[] {
  const { groupSize, onIndivisible } = options;
  if (groupSize === 0) return [];
  const found = weights.filter(({ shape }) => shape[1] % groupSize !== 0);
  if (found.length === 0 || onIndivisible !== 'error') return found;
  const [{ name, file, shape }] = found;
  const fitting = groupSizes.filter((size) => size > 0 && weights.every((weight) => weight.shape[1] % size === 0));
  const others = found.length > 1 ? ` (and ${found.length - 1} more)` : '';
  const advice =
    fitting.length > 0 ? `group sizes that fit every layer: ${fitting.join(', ')}` : 'no group size fits every layer';
  throw new InputError(
    `${file}: tensor "${name}"${others} has K = ${shape[1]}, not a multiple of the group size ${groupSize}`,
    {
      code: 'E_INDIVISIBLE_GROUP',
      hint: `${advice}; ${formatOf(options).indivisibleHint}`,
      details: { file, tensor: name, value: shape[1], limit: groupSize, fitting: fitting.map(String) },
    },
  );
}

/** Bytes that stand in the output for a tensor of the source. */
export function outputBytes({ outputs }: PlannedTensor): number {
  return outputs.reduce((total, output) => total + tensorBytes(output, 'output'), 0);
}
