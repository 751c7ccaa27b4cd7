import { Option, type Command } from 'commander';
import type { GptqRounding, Treatment } from '../quant/methods/treatment.ts';
import { UsageError } from '../quant/errors.ts';
import type { Clip, Mode } from '../quant/schemes/scheme.ts';
import { integerIn, numberIn, oneOf, parseAlpha, parseClip } from './options.ts';

const recipeNames = ['fast', 'default', 'best'] as const;
export type RecipeName = (typeof recipeNames)[number];

/** What is done to a model so that less is lost when its weights are rounded. */
export interface TreatmentFlags {
  recipe?: RecipeName;
  method: 'rtn' | 'gptq';
  clip: Clip;
  rotate?: boolean;
  smooth?: boolean;
  alpha: number | 'auto';
  seed: number;
  damping: number;
  actOrder: boolean;
  compensate: number;
  refine: number;
}

/** The flags that each recipe stands for. A flag of the command line goes before that of the recipe. */
const recipes: Readonly<Record<RecipeName, Partial<TreatmentFlags>>> = {
  fast: { method: 'rtn', clip: { kind: 'minmax' } },
  default: { smooth: true, alpha: 'auto', method: 'gptq', clip: { kind: 'mse' } },
  best: { clip: { kind: 'mse' }, rotate: true, method: 'gptq', compensate: 0.5, refine: 2 },
};

const weightErrors: Partial<TreatmentFlags> = { damping: 0.1 };

/**
 * What the best recipe has besides in each mode (docs/benchmarks.md, Methods). Where weights of 8 bits meet quantized
 * activations, those lose the most, and smoothing takes from them what rotation leaves. At 4 bits the weights lose the most;
 * smoothing would only spread their columns, and GPTQ moves so large errors from column to column that a Hessian of some ten
 * thousand tokens is not to be taken at its word.
 */
const bestOfMode: Readonly<Partial<Record<Mode | 'float', Partial<TreatmentFlags>>>> = {
  w8a8: { smooth: true, alpha: 'auto' },
  w4a8: weightErrors,
  w4a16: weightErrors,
};

export const alphaOption = (): Option =>
  new Option(
    '--alpha <share>',
    'how much of the difficulty smoothing moves from activations to weights: 0 to 1, or auto (by the error of each ' +
      'layer); at most 0.5 of it between v and o, and up and down',
  )
    .argParser(parseAlpha)
    .default(0.85);

export const clipOption = (): Option =>
  new Option(
    '--clip <how>',
    'absmax that a scale is made from: minmax, mse (with gptq weighted by what the layer meets), percentile=P',
  )
    .argParser(parseClip)
    .default({ kind: 'minmax' }, 'minmax');

export const treatmentOptions = (): Option[] => [
  new Option('--recipe <name>', `flags that belong together: ${recipeNames.join(', ')}; see below`).argParser(
    oneOf(recipeNames),
  ),
  new Option('--method <name>', 'how weights are rounded: rtn (to nearest), gptq (by what the layer meets)')
    .argParser(oneOf(['rtn', 'gptq']))
    .default('rtn'),
  clipOption(),
  new Option('--rotate', 'rotate the residual stream and the values, which spreads outliers; unties embeddings'),
  new Option('--smooth', 'move outliers of activations into the weights, as cider smoothquant does'),
  alphaOption(),
  new Option('--damping <share>', 'of the mean of the diagonal, added to the Hessian of gptq')
    .argParser(numberIn(1e-6, 1))
    .default(0.01),
  new Option('--no-act-order', 'gptq takes columns as they come, not the most active ones first'),
  new Option('--compensate <share>', 'how much of the error of earlier layers gptq makes up for: 0 to 1')
    .argParser(numberIn(0, 1))
    .default(0),
  new Option('--refine <sweeps>', 'of coordinate descent after gptq').argParser(integerIn(0, 100)).default(0),
];

/** For the end of the help. */
export const recipesHelp: string = [
  'Recipes stand for flags; a flag of your own goes before that of the recipe:',
  ...recipeNames.map((name) => `  ${name.padEnd(8)} ${flagsOf(recipes[name])}`),
  ...Object.entries(bestOfMode).map(([mode, flags]) => `           with --mode ${mode} also ${flagsOf(flags)}`),
].join('\n');

/** Gives options that were left away the values of the recipe. Call it before anything looks at them. */
export function applyRecipe<Flags extends TreatmentFlags & { mode: Mode | 'float' }>(
  flags: Flags,
  command: Command,
): Flags {
  const { recipe, mode } = flags;
  if (recipe === undefined) return flags;
  const all = { ...recipes[recipe], ...(recipe === 'best' && bestOfMode[mode]) };
  const chosen = Object.entries(all).filter(
    ([name]) => (command.getOptionValueSource(name) ?? 'default') === 'default',
  );
  return { ...flags, ...Object.fromEntries(chosen) };
}

/** @throws UsageError `E_UNUSED_OPTION` for a flag that has no effect */
export function treatmentOf(flags: TreatmentFlags, command: Command): Treatment {
  const { method, rotate, smooth, alpha, seed, damping, actOrder: activationOrder, compensate, refine } = flags;
  if (smooth !== true) refuseUnused(command, ['alpha'], '--smooth');
  if (method !== 'gptq') refuseUnused(command, ['damping', 'actOrder', 'compensate', 'refine'], '--method gptq');
  const rounding: GptqRounding = {
    kind: 'gptq',
    damping,
    activationOrder,
    compensation: compensate,
    clipWeights: flags.clip.kind === 'mse' ? 'diagonal' : 'none',
    refine,
  };
  return {
    rotation: rotate === true ? { seed } : undefined,
    smoothing: smooth === true ? { alpha } : undefined,
    rounding: method === 'gptq' ? rounding : { kind: 'nearest' },
  };
}

/** A flag that changes nothing is a misunderstanding: better to say so than to let it pass. */
export function refuseUnused(command: Command, names: readonly string[], needed: string): void {
  const given = names.find((name) => command.getOptionValueSource(name) === 'cli');
  if (given === undefined) return;
  const flag = command.options.find((option) => option.attributeName() === given)?.long ?? given;
  throw new UsageError(`${flag} has no effect without ${needed}`, {
    code: 'E_UNUSED_OPTION',
    hint: `add ${needed}, or leave ${flag} away`,
    details: { option: flag, needs: needed },
  });
}

function flagsOf(recipe: Partial<TreatmentFlags>): string {
  return Object.entries(recipe)
    .map(([name, value]) => {
      if (value === true) return `--${name}`;
      return `--${name} ${typeof value === 'object' ? value.kind : value}`;
    })
    .join(' ');
}
