import { InvalidArgumentError, Option } from 'commander';
import { protocolNames, type ProtocolName } from '../eval/perplexity/protocol.ts';
import { integerIn, oneOf } from './options.ts';

/** Options of commands that measure perplexity. */
export interface TextFlags {
  data?: string;
  protocol: ProtocolName;
  ctx?: number;
  stride?: number;
  samples?: number;
}

/** Far above any context that a model has. */
const MAX_CTX = 2 ** 24;

export const textOptions = (): Option[] => [
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
];

/** A limit, of what `against` says. */
export const maxIncreaseOption = (against: string): Option =>
  new Option(
    '--max-increase <percent>',
    `exit 7 if the perplexity of a row is more than this above that of ${against}; such as 0.5%`,
  ).argParser(parsePercent);

/** `0.5%` → 0.5. The sign is required, as 0.005 could be meant either way. */
function parsePercent(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text);
  if (match) return Number(match[1]);
  throw new InvalidArgumentError('It must be a percentage such as 0.5%.');
}
