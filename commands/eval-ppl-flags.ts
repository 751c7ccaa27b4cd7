import { InvalidArgumentError, Option } from 'commander';
import { configurations } from '../eval/model/configurations.ts';
import { protocolNames, type ProtocolName } from '../eval/perplexity/protocol.ts';
import type { DecodeMode } from '../kernels/backend.ts';
import type { BackendFlags } from './backend.ts';
import { integerIn, listOf, oneOf } from './options.ts';
import type { SharedFlags } from './run-command.ts';

export interface EvalFlags extends SharedFlags, BackendFlags {
  configs?: string[];
  decode: DecodeMode[];
  data?: string;
  protocol: ProtocolName;
  ctx?: number;
  stride?: number;
  samples?: number;
  kld?: boolean;
  maxIncrease?: number;
  baseline?: string;
  save?: string;
  plot?: string;
  overwrite?: boolean;
  resume?: boolean;
}

export const DEFAULT_CONFIGURATIONS: readonly string[] = ['fp16', 'w8a16', 'w8a8', 'w8a8-g64', 'w8a8-g128', 'w4a8'];

/** Far above any context that a model has. */
const MAX_CTX = 2 ** 24;

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
  new Option(
    '--data <source>',
    'wikitext2, or a .txt, .jsonl (member "text"), .parquet or .raw (WikiText) file (default: wikitext2)',
  ),
  new Option(
    '--protocol <name>',
    'gptq (disjoint windows), llama.cpp (second halves of windows), stride (sliding window) or word (pages, by words ' +
      'and bytes)',
  )
    .argParser(oneOf(protocolNames))
    .default('gptq'),
  new Option(
    '--ctx <n>',
    "tokens in a window (default: 2048, 512 for llama.cpp, 1024 for stride, but at most the model's maximum)",
  ).argParser(integerIn(2, MAX_CTX)),
  new Option('--stride <n>', 'tokens from window to window of --protocol stride (default: 512)').argParser(
    integerIn(1, MAX_CTX),
  ),
  new Option('--samples <n>', 'windows to use (word: pages), from the start (default: all)').argParser(
    integerIn(1, MAX_CTX),
  ),
  new Option('--kld', 'compare the distributions of all tokens with those of the first configuration, too'),
  new Option(
    '--max-increase <percent>',
    'exit 7 if the perplexity of a row is more than this above that of the first row, or of --baseline; such as 0.5%',
  ).argParser(parsePercent),
  new Option('--save <file>', 'write the losses of all tokens to a file for --baseline'),
  new Option('--baseline <file>', 'compare with the first configuration of a saved run'),
  new Option('--plot <file>', 'draw perplexity against bytes and speed as SVG'),
  new Option('--overwrite', 'replace files of --save and --plot that cider wrote'),
  new Option('--resume', 'go on from where the same command was interrupted'),
];

/** `0.5%` → 0.5. The sign is required, as 0.005 could be meant either way. */
function parsePercent(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text);
  if (match) return Number(match[1]);
  throw new InvalidArgumentError('It must be a percentage such as 0.5%.');
}
