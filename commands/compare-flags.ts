import { Option } from 'commander';
import { backendOptions, type BackendFlags } from './backend.ts';
import { maxIncreaseOption, textOptions, type TextFlags } from './eval-text-flags.ts';
import { integerIn } from './options.ts';
import type { SharedFlags } from './run-command.ts';

export interface CompareFlags extends SharedFlags, BackendFlags, TextFlags {
  layerWindows: number;
  maxIncrease?: number;
  plot?: string;
  overwrite?: boolean;
}

/** More windows than any text has. */
const MAX_WINDOWS = 2 ** 24;

/** Their medians over thousands of tokens are good to a tenth of a dB, at little cost beside the whole text. */
const LAYER_WINDOWS = 8;

export const compareOptions = (): Option[] => [
  ...textOptions(),
  new Option('--layer-windows <n>', 'windows over which layers are compared, from the start; 0: none')
    .argParser(integerIn(0, MAX_WINDOWS))
    .default(LAYER_WINDOWS),
  maxIncreaseOption('the first row'),
  new Option('--plot <file>', 'draw the errors of the layers as SVG'),
  new Option('--overwrite', 'replace a file of --plot that cider wrote'),
  ...backendOptions(),
];
