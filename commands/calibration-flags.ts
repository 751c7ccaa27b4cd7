import { Option, type Command } from 'commander';
import { integerIn, listOf } from './options.ts';
import { refuseUnused } from './treatment-flags.ts';

/** What a model is looked at with. */
export interface CalibrationFlags {
  /** At least one. */
  data: string[];
  samples: number;
  seqLen: number;
  seed: number;
  stats?: string[];
  saveStats?: string;
}

/** Far above any context that a model has. */
const MAX_TOKENS = 2 ** 24;

const MAX_SEED = 2 ** 32 - 1;

export const calibrationOptions = (): Option[] => [
  new Option(
    '--data <source>',
    'calibration text: wikitext2 (train split), self (the model writes it), or a .txt, .jsonl, .parquet or .raw file; ' +
      'several with commas between them share the samples; <unk>, in some the placeholder of a rare word, is left out',
  )
    .argParser(listOf((source) => source))
    .default(['wikitext2'], 'wikitext2'),
  new Option('--samples <n>', 'sequences of calibration text').argParser(integerIn(1, MAX_TOKENS)).default(128),
  new Option('--seq-len <n>', 'tokens in each of them').argParser(integerIn(2, MAX_TOKENS)).default(512),
  new Option('--seed <n>', 'of random choices: rotation, and text of --data self')
    .argParser(integerIn(0, MAX_SEED))
    .default(0),
  new Option('--stats <files...>', 'statistics that --save-stats wrote, instead of a text; several are merged'),
  new Option('--save-stats <file>', 'keep the statistics of the float model for --stats'),
];

/** @throws UsageError `E_UNUSED_OPTION` for flags of a calibration that does not take place */
export function refuseUnusedCalibration(command: Command): void {
  refuseUnused(command, ['data', 'samples', 'seqLen', 'stats', 'saveStats'], '--smooth or --method gptq');
}
