import { Option } from 'commander';
import { neighbourNames, type NeighbourName } from '../eval/neighbours/neighbour.ts';
import { backendOptions, type BackendFlags } from './backend.ts';
import { integerIn, listOf, numberAbove, oneOf } from './options.ts';
import type { SharedFlags } from './run-command.ts';

export interface CheckFlags extends SharedFlags, BackendFlags {
  neighbours: NeighbourName[];
  require: NeighbourName[];
  python?: string;
  prompt: string;
  tokens: number;
  tolerance?: number;
  timeout: number;
}

/** Two, as the second is the first that is predicted. More than some hundred say nothing new, and take a lot of memory. */
const TOKENS = { least: 2, most: 512, default: 32 };

/** Above any divergence that a model could have which still makes sense. */
const MAX_TOLERANCE = 100;

/** Libraries alone take half a minute to load on a slow disk. */
const TIMEOUT_SECONDS = { most: 86_400, default: 600 };

const neighbourList = listOf(oneOf(neighbourNames));

export const checkOptions = (): Option[] => [
  new Option('--neighbours <list>', 'whom to ask')
    .argParser(neighbourList)
    .default([...neighbourNames], neighbourNames.join(',')),
  new Option('--require <list>', 'exit 6 if one of these is not installed')
    .argParser(neighbourList)
    .default([], 'none'),
  new Option('--python <path>', 'interpreter with their packages (default: CIDER_PYTHON, or python3)'),
  new Option('--prompt <text>', 'what the tokens begin with; the model goes on with the likeliest').default(
    'Once upon a time',
  ),
  new Option('--tokens <n>', 'tokens to compare, those of the prompt included')
    .argParser(integerIn(TOKENS.least, TOKENS.most))
    .default(TOKENS.default),
  new Option('--tolerance <nats>', 'limit of the mean KL divergence (default: by neighbour and scheme)').argParser(
    numberAbove(0, MAX_TOLERANCE),
  ),
  new Option('--timeout <seconds>', 'for each neighbour, to load the model and to run it')
    .argParser(integerIn(1, TIMEOUT_SECONDS.most))
    .default(TIMEOUT_SECONDS.default),
  ...backendOptions(),
];
