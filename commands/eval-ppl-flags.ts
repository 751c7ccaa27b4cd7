import { Option } from 'commander';
import { configurations } from '../eval/model/configurations.ts';
import type { DecodeMode } from '../kernels/backend.ts';
import type { BackendFlags } from './backend.ts';
import { maxIncreaseOption, textOptions, type TextFlags } from './eval-text-flags.ts';
import { listOf, oneOf } from './options.ts';
import type { SharedFlags } from './run-command.ts';

export interface EvalFlags extends SharedFlags, BackendFlags, TextFlags {
  configs?: string[];
  decode: DecodeMode[];
  kld?: boolean;
  maxIncrease?: number;
  baseline?: string;
  save?: string;
  plot?: string;
  overwrite?: boolean;
  resume?: boolean;
}

export const DEFAULT_CONFIGURATIONS: readonly string[] = ['fp16', 'w8a16', 'w8a8', 'w8a8-g64', 'w8a8-g128', 'w4a8'];

const decodeModes = ['w8a8', 'w8a16'] as const;

export const evalOptions = (): Option[] => [
  new Option(
    '--configs <list>',
    `comma-separated, of: ${configurations.map(({ name }) => name).join(', ')}; or all (default: ${DEFAULT_CONFIGURATIONS.join(',')})`,
  ).argParser(listOf((name) => name)),
  new Option(
    '--decode <modes>',
    'how integer configurations multiply, comma-separated: w8a8 quantizes activations, as for a prompt; w8a16 keeps ' +
      'them float, as for one token at a time (rows NAME-decode)',
  )
    .argParser(listOf(oneOf(decodeModes)))
    .default(['w8a8'], 'w8a8'),
  ...textOptions(),
  new Option('--kld', 'compare the distributions of all tokens with those of the first configuration, too'),
  maxIncreaseOption('the first row, or of --baseline'),
  new Option('--save <file>', 'write the losses of all tokens to a file for --baseline'),
  new Option('--baseline <file>', 'compare with the first configuration of a saved run'),
  new Option('--plot <file>', 'draw perplexity against bytes and speed as SVG'),
  new Option('--overwrite', 'replace files of --save and --plot that cider wrote'),
  new Option('--resume', 'go on from where the same command was interrupted'),
];
