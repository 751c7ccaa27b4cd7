import { Option } from 'commander';
import { configurations } from '../eval/model/configurations.ts';
import type { DecodeMode } from '../kernels/backend.ts';
import type { BackendFlags } from './backend.ts';
import { integerIn, numberAbove, numberIn, oneOf } from './options.ts';
import type { SharedFlags } from './run-command.ts';

export interface GenerateFlags extends SharedFlags, BackendFlags {
  prompt: string;
  system?: string;
  raw?: boolean;
  maxTokens?: number;
  temp: number;
  topP?: number;
  topK?: number;
  seed: number;
  stream: boolean;
  config?: string;
  decode: DecodeMode;
  ctx?: number;
}

export const DEFAULT_CONFIGURATION = 'fp16';

/** Far above any context that a model has. */
const MAX_CTX = 2 ** 24;

/** Logits differ by some tens: at this temperature all tokens are about equally likely. */
const MAX_TEMPERATURE = 100;

const MAX_SEED = 2 ** 32 - 1;

export const generateOptions = (): Option[] => [
  new Option('--prompt <text>', 'what to answer or to go on with; - reads standard input').makeOptionMandatory(),
  new Option('--system <text>', 'a system message before it'),
  new Option('--raw', 'give the prompt to the model as it is, without the chat template'),
  new Option('--max-tokens <n>', 'new tokens at most (default: 256, or as many as fit)').argParser(
    integerIn(1, MAX_CTX),
  ),
  new Option('--temp <t>', 'temperature; 0 takes the most likely token')
    .argParser(numberIn(0, MAX_TEMPERATURE))
    .default(0),
  new Option('--top-p <p>', 'choose among the likeliest tokens that reach this probability').argParser(
    numberAbove(0, 1),
  ),
  new Option('--top-k <k>', 'choose among this many tokens').argParser(integerIn(1, MAX_CTX)),
  new Option('--seed <n>', 'the same seed gives the same text').argParser(integerIn(0, MAX_SEED)).default(0),
  new Option('--stream', 'print the text while it is written').default(true),
  new Option('--no-stream', 'print it when it is complete'),
  new Option(
    '--config <name>',
    `how a float model is held: ${configurations.map(({ name }) => name).join(', ')} (default: ${DEFAULT_CONFIGURATION})`,
  ),
  new Option('--decode <mode>', 'activations of integer layers when single tokens are decoded')
    .argParser(oneOf(['w8a16', 'w8a8']))
    .default('w8a16'),
  new Option('--ctx <n>', "tokens of prompt and text together (default: the model's maximum)").argParser(
    integerIn(2, MAX_CTX),
  ),
];
