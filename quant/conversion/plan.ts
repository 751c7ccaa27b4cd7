import { HEAD_MODULE, modelTensors } from '../checkpoint/architecture.ts';
import { checkTensors } from '../checkpoint/check-tensors.ts';
import type { TensorEntry } from '../checkpoint/checkpoint.ts';
import {
  quantizedLinear,
  quantizedTensors,
  type QuantizedLinear,
  type QuantizedModel,
  type OutputTensor,
} from '../checkpoint/compressed-tensors.ts';
import type { ModelConfig } from '../checkpoint/hf-config.ts';
import { tensorBytes, type TensorSpec } from '../checkpoint/tensor-size.ts';
import { InputError } from '../errors.ts';
import { groupSizes, type Clip, type GroupSize, type Mode } from '../schemes/scheme.ts';
import { compilePatterns } from './patterns.ts';

/** What becomes of the tensors of a checkpoint. */
export interface PlanOptions {
  /** `float`: all tensors keep their dtypes. */
  mode: Mode | 'float';
  groupSize: GroupSize;
  clip: Clip;
  /** Linear layers that stay float: see `compilePatterns`. */
  ignore: readonly string[];
  /** What is done about a weight whose K is not a multiple of the group size. */
  onIndivisible: 'error' | 'channel';
}

export interface CopiedTensor {
  kind: 'copy';
  source: TensorEntry;
  outputs: readonly TensorSpec[];
  /** Why it is not quantized. */
  reason: 'no linear weight' | 'ignored' | 'empty' | 'float';
}

export interface QuantizedTensor {
  kind: 'quantize';
  source: TensorEntry;
  outputs: readonly OutputTensor[];
  linear: QuantizedLinear;
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

/**
 * Decides tensor by tensor from names, shapes and dtypes alone; no weight is read.
 *
 * @throws InputError for tensors that do not fit the config, or whose K is not a multiple of the group size
 */
export function planTensors(
  { tensors: sources }: { tensors: ReadonlyMap<string, TensorEntry> },
  config: ModelConfig,
  options: PlanOptions,
): TensorPlan {
  const warnings = [...checkTensors(config, sources)];
  const linears = new Map(
    modelTensors(config).flatMap(({ name, role, module }) =>
      role === 'linear' || role === 'head' ? [[name, module]] : [],
    ),
  );
  const modules = [...linears.values()];
  const patterns = compilePatterns(options.ignore);
  const { mode } = options;
  if (mode === 'float') return { tensors: [...sources.values()].map(copied('float')), model: undefined, warnings };
  for (const { pattern, matches } of patterns) {
    if (pattern !== DEFAULT_IGNORE && !modules.some(matches))
      warnings.push(`--ignore ${pattern} matches no linear layer`);
  }
  const ignored = modules.filter((module) => patterns.some(({ matches }) => matches(module)));
  if (config.tieWordEmbeddings && !ignored.includes(HEAD_MODULE)) ignored.push(HEAD_MODULE);

  const weights = [...sources.values()].filter(({ name }) => !ignored.includes(linears.get(name) ?? HEAD_MODULE));
  const perChannel = indivisible(weights, options).flatMap(({ name }) => linears.get(name) ?? []);
  const model: QuantizedModel = { mode, groupSize: options.groupSize, perChannel, ignore: ignored };

  const tensors = [...sources.values()].map((source): PlannedTensor => {
    const module = linears.get(source.name);
    if (module === undefined) return copied('no linear weight')(source);
    const linear = quantizedLinear(model, module);
    if (!linear) return copied('ignored')(source);
    if (source.bytes === 0) return copied('empty')(source);
    const outputs = quantizedTensors(module, source.shape, linear.mode, linear.groupSize);
    return { kind: 'quantize', source, linear, outputs };
  });
  return { tensors, model, warnings };
}

const copied =
  (reason: CopiedTensor['reason']) =>
  (source: TensorEntry): CopiedTensor => ({ kind: 'copy', source, outputs: [source], reason });

/** The weights that groups do not fit; refused unless they may fall back to one scale a row. */
function indivisible(weights: readonly TensorEntry[], { groupSize, onIndivisible }: PlanOptions): TensorEntry[] {
  if (groupSize === 0) return [];
  const found = weights.filter(({ shape }) => shape[1] % groupSize !== 0);
  if (found.length === 0 || onIndivisible === 'channel') return found;
  const [{ name, file, shape }] = found;
  const fitting = groupSizes.filter((size) => size > 0 && weights.every((weight) => weight.shape[1] % size === 0));
  const others = found.length > 1 ? ` (and ${found.length - 1} more)` : '';
  const advice =
    fitting.length > 0 ? `group sizes that fit every layer: ${fitting.join(', ')}` : 'no group size fits every layer';
  throw new InputError(
    `${file}: tensor "${name}"${others} has K = ${shape[1]}, not a multiple of the group size ${groupSize}`,
    {
      code: 'E_INDIVISIBLE_GROUP',
      hint: `${advice}; --on-indivisible channel gives such layers one scale a row`,
      details: { file, tensor: name, value: shape[1], limit: groupSize, fitting: fitting.map(String) },
    },
  );
}

/** Bytes that stand in the output for a tensor of the source. */
export function outputBytes({ outputs }: PlannedTensor): number {
  return outputs.reduce((total, output) => total + tensorBytes(output, 'output'), 0);
}
