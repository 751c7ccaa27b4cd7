import { Command, InvalidArgumentError, Option } from 'commander';
import { decodeModes } from '../kernels/backend.ts';
import type { LinearShape } from '../kernels/bench/bench-linear.ts';
import { UsageError } from '../quant/errors.ts';
import { groupSizes } from '../quant/schemes/scheme.ts';
import { backendOptions } from './backend.ts';
import { benchFormats, type BenchFlags } from './bench-flags.ts';
import { benchModel, DEFAULT_CONFIGURATIONS, DEFAULT_PROMPTS } from './bench-model.ts';
import { benchShapes, DEFAULT_GROUP_SIZE, DEFAULT_ROWS, DEFAULT_SHAPES } from './bench-shapes.ts';
import { modelHelp } from './model-argument.ts';
import { integerIn, listOf, oneOf, parseGroupSize } from './options.ts';
import { runCommand } from './run-command.ts';

/** Sides of a matrix; the integer product takes no larger K. */
const MAX_FEATURES = 131_071;
const MAX_ROWS = 2 ** 17;
const MAX_REPETITIONS = 1e6;

const examples = `
Examples:
  cider bench
  cider bench --shape 10240x2560,576x1536 -m 1,128 --format md
  cider bench model/ --configs fp16,w8a8 --tokens 512`;

export function benchCommand(): Command {
  const shapes = DEFAULT_SHAPES.map(({ n, k }) => `${n}x${k}`).join(',');
  const command = new Command('bench')
    .summary('time linear layers, or prefill and decode of a model')
    .description(
      'Time linear layers in every scheme, each checked against the reference first, with weights that come from ' +
        'memory as in a model; or, with a model, prefill and decode in each configuration.',
    )
    .argument('[model]', modelHelp)
    .addOption(
      new Option('--shape <list>', `weights, N x K, with commas between them (default: ${shapes})`).argParser(
        listOf(parseShape),
      ),
    )
    .addOption(
      new Option('-m <list>', `rows of activations (default: ${DEFAULT_ROWS.join(',')})`).argParser(
        listOf(integerIn(1, MAX_ROWS)),
      ),
    )
    .addOption(
      new Option(
        '--gs <size>',
        `group size: ${groupSizes.join(', ')}; 0 = per channel alone (default: ${DEFAULT_GROUP_SIZE})`,
      ).argParser(parseGroupSize),
    )
    .addOption(
      new Option(
        '--configs <list>',
        `configurations of the model (default: ${DEFAULT_CONFIGURATIONS.join(',')})`,
      ).argParser(listOf(String)),
    )
    .addOption(
      new Option(
        '--tokens <list>',
        `lengths of the prompts for the model (default: ${DEFAULT_PROMPTS.join(',')})`,
      ).argParser(listOf(integerIn(1, MAX_ROWS))),
    )
    .addOption(
      new Option('--decode <mode>', `how a single row is multiplied with integer weights: ${decodeModes.join(', ')}`)
        .argParser(oneOf(decodeModes))
        .default('w8a16'),
    )
    .addOption(
      new Option('-r, --repetitions <n>', 'samples; fewer if they take more than 10 seconds')
        .argParser(integerIn(1, MAX_REPETITIONS))
        .default(10),
    )
    .addOption(
      new Option('--warmup <n>', 'calls before the first sample').argParser(integerIn(0, MAX_REPETITIONS)).default(2),
    )
    .addOption(
      new Option('--format <format>', `${benchFormats.join(', ')}; json is --json`)
        .argParser(oneOf(benchFormats))
        .default('table'),
    );
  for (const option of backendOptions()) command.addOption(option);
  return command.addHelpText('after', examples).action((model: string | undefined, flags: BenchFlags) =>
    runCommand('bench', { ...flags, json: flags.json === true || flags.format === 'json' }, (context) => {
      refuseMixture(model, flags);
      return model === undefined ? benchShapes(flags, context) : benchModel(model, flags, context);
    }),
  );
}

function parseShape(text: string): LinearShape {
  const match = /^(\d+)x(\d+)$/.exec(text);
  const [n, k] = [Number(match?.[1]), Number(match?.[2])];
  const isSide = (features: number): boolean => features >= 1 && features <= MAX_FEATURES;
  if (isSide(n) && isSide(k)) return { n, k };
  throw new InvalidArgumentError(`It must be N x K such as 10240x2560, each from 1 to ${MAX_FEATURES}.`);
}

/** Options of one kind of measurement say nothing about the other. */
function refuseMixture(model: string | undefined, flags: BenchFlags): void {
  const unfit = model === undefined ? (['configs', 'tokens'] as const) : (['shape', 'm', 'gs'] as const);
  const given = unfit.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  const option = given === 'm' ? '-m' : `--${given}`;
  throw new UsageError(model === undefined ? `${option} needs a model` : `${option} does not go with a model`, {
    code: 'E_USAGE',
    hint: model === undefined ? `cider bench model/ ${option} …` : `cider bench ${option} … times layers by themselves`,
    details: { option },
  });
}
