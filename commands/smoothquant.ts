import { Command, Option } from 'commander';
import { openModel } from '../quant/checkpoint/open-model.ts';
import { acceptInput } from '../quant/conversion/accept-input.ts';
import type { ConversionRequest } from '../quant/conversion/prepare.ts';
import type { Treatment } from '../quant/methods/treatment.ts';
import type { Clip, Mode } from '../quant/schemes/scheme.ts';
import { backendOption, type BackendFlags } from './backend.ts';
import { convertWithModel } from './calibrated-conversion.ts';
import { calibrationOptions, type CalibrationFlags } from './calibration-flags.ts';
import {
  allowRequantizeOption,
  defaultGroupSize,
  modeOption,
  outputOptions,
  schemeOptions,
  type OutputFlags,
  type SchemeFlags,
} from './convert-flags.ts';
import { modelHelp, resolveModel } from './model-argument.ts';
import { runCommand, type CommandContext, type CommandOutcome, type SharedFlags } from './run-command.ts';
import { alphaOption, clipOption, refuseUnused } from './treatment-flags.ts';

interface SmoothquantFlags
  extends SharedFlags, OutputFlags, SchemeFlags, CalibrationFlags, Pick<BackendFlags, 'backend'> {
  mode?: Mode;
  clip: Clip;
  alpha: number | 'auto';
  allowRequantize?: boolean;
  dryRun?: boolean;
}

const help = `
The result is a float checkpoint that computes what the original computes, up to rounding, and that any tool loads. Its
activations are easier to quantize: norms divide their outliers by factors that the weights after them take back.

Examples:
  cider smoothquant model/ -o model-smooth/
  cider smoothquant model/ -o model-smooth/ --alpha auto --data text.txt --samples 64
  cider smoothquant model/ -o model-w8a8/ --alpha 0.8 --data self --mode w8a8`;

export function smoothquantCommand(): Command {
  const command = new Command('smoothquant')
    .summary('move outliers from activations into weights, exactly')
    .description(
      'Fold SmoothQuant into a float checkpoint: every norm before linear layers, v before o, and up before down. With ' +
        '--mode the result is quantized in the same run.',
    )
    .argument('<model>', modelHelp)
    .requiredOption('-o, --output <folder>', 'folder to create')
    .addHelpText('after', help)
    .action((model: string, flags: SmoothquantFlags) =>
      runCommand('smoothquant', flags, (context) => run(model, flags, command, context)),
    );
  for (const option of [
    alphaOption(),
    ...calibrationOptions(),
    modeOption(),
    ...schemeOptions(),
    clipOption(),
    allowRequantizeOption(),
    backendOption(),
    new Option('--dry-run', 'print what it would take, and write nothing'),
    ...outputOptions(),
  ]) {
    command.addOption(option);
  }
  return command;
}

async function run(
  model: string,
  flags: SmoothquantFlags,
  command: Command,
  context: CommandContext,
): Promise<CommandOutcome> {
  if (flags.mode === undefined) refuseUnused(command, ['gs', 'ignore', 'onIndivisible', 'clip'], '--mode');
  const { path } = await resolveModel(model, context);
  const treatment: Treatment = {
    rotation: undefined,
    smoothing: { alpha: flags.alpha },
    rounding: { kind: 'nearest' },
  };
  const request: ConversionRequest = {
    mode: flags.mode ?? 'float',
    groupSize: flags.gs ?? defaultGroupSize(flags.mode ?? 'w8a8'),
    clip: flags.clip,
    ignore: flags.ignore,
    onIndivisible: flags.onIndivisible,
    maxShardBytes: flags.maxShardSize,
    treatment,
  };
  const input = openModel(path);
  try {
    acceptInput(input, request, {
      allowQuantized: flags.allowRequantize === true,
      onWarning: (text) => {
        context.output.warn(text);
      },
    });
    return await convertWithModel(input, request, flags, context);
  } finally {
    input.close();
  }
}
