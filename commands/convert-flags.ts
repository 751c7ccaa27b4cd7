import os from 'node:os';
import { Option } from 'commander';
import { DEFAULT_IGNORE } from '../quant/conversion/plan.ts';
import { outputFormatNames, type OutputFormatName } from '../quant/conversion/formats/output-format.ts';
import { groupSizes, modes, type GroupSize, type Mode } from '../quant/schemes/scheme.ts';
import type { BackendFlags } from './backend.ts';
import type { CalibrationFlags } from './calibration-flags.ts';
import { integerIn, oneOf, parseBytes, parseGroupSize, parseMode } from './options.ts';
import type { SharedFlags } from './run-command.ts';
import type { TreatmentFlags } from './treatment-flags.ts';

/** Of commands that write a checkpoint. */
export interface OutputFlags {
  output: string;
  maxShardSize: number;
  threads: number;
  resume?: boolean;
  overwrite?: boolean;
}

/** How layers are quantized. */
export interface SchemeFlags {
  gs?: GroupSize;
  ignore: string[];
  onIndivisible: 'error' | 'channel' | 'float';
}

export interface ConvertFlags
  extends SharedFlags, OutputFlags, SchemeFlags, TreatmentFlags, CalibrationFlags, Pick<BackendFlags, 'backend'> {
  mode: Mode | 'float';
  allowRequantize?: boolean;
  format: OutputFormatName;
  quantizeEmbeddings?: boolean;
  dryRun?: boolean;
}

/** More threads than any machine has cores are a slip of the keyboard. */
const MAX_THREADS = 1024;

export const modeOption = (): Option =>
  new Option('--mode <mode>', `weights and activations: ${modes.join(', ')}`).argParser(parseMode);

export const allowRequantizeOption = (): Option =>
  new Option(
    '--allow-requantize',
    'dequantize a quantized input and go on from there: its errors stay, new ones are added',
  );

export const schemeOptions = (): Option[] => [
  new Option(
    '--gs <size>',
    `group size: ${groupSizes.join(', ')}; 0 = one scale per channel (default: 0, for w8a16 and w4a16 64)`,
  ).argParser(parseGroupSize),
  new Option('--ignore <patterns...>', 'linear layers that stay float: paths, last parts, * or re:…').default([
    DEFAULT_IGNORE,
  ]),
  new Option(
    '--on-indivisible <action>',
    'if K is not a multiple of the group size: error, channel (one scale a row), float (no codes)',
  )
    .argParser(oneOf(['error', 'channel', 'float']))
    .default('error'),
];

export const formatOptions = (): Option[] => [
  new Option('--format <format>', `format of the output: ${outputFormatNames.join(', ')} (w8a16 and w4a16 only)`)
    .choices(outputFormatNames)
    .default('compressed-tensors'),
  new Option(
    '--quantize-embeddings',
    'mlx: quantize embedding and output layer, too (default for mlx: users of mlx-lm expect its sizes and speed)',
  ),
  new Option('--no-quantize-embeddings', 'mlx: keep embedding and output layer float, as --ignore lm_head does'),
];

/** The group size that a mode has unless another is asked for. */
export const defaultGroupSize = (mode: Mode | 'float'): GroupSize => (mode.endsWith('a16') ? 64 : 0);

export const outputOptions = (): Option[] => [
  new Option('--max-shard-size <size>', 'bytes of tensors in a file').argParser(parseBytes).default(5e9, '5GB'),
  new Option('-t, --threads <n>', 'threads; the output does not depend on them')
    .argParser(integerIn(1, MAX_THREADS))
    .default(os.availableParallelism(), 'one per core'),
  new Option('--resume', 'go on with an unfinished run of the same input and options'),
  new Option('--overwrite', 'replace an output that cider wrote'),
];
