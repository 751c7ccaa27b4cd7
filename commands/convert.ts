import { Command, Option } from 'commander';
import { Checkpoint } from '../quant/checkpoint/checkpoint.ts';
import { workerExecutor } from '../quant/conversion/executors.ts';
import { prepareConversion, type Conversion, type ConversionRequest } from '../quant/conversion/prepare.ts';
import { convert } from '../quant/convert.ts';
import { nodeFileSystem } from '../quant/file-system.ts';
import { isPlain, needsCalibration } from '../quant/methods/treatment.ts';
import type { ManifestFile } from '../quant/output/manifest.ts';
import { backendOption } from './backend.ts';
import { convertWithModel } from './calibrated-conversion.ts';
import { calibrationOptions, refuseUnusedCalibration } from './calibration-flags.ts';
import { defaultGroupSize, modeOption, outputOptions, schemeOptions, type ConvertFlags } from './convert-flags.ts';
import { describePlan, describeResult, planRow, summarize } from './convert-plan.ts';
import { lockOwner } from './lock-owner.ts';
import { resolveModel } from './model-argument.ts';
import { runCommand, type CommandContext, type CommandOutcome } from './run-command.ts';
import { applyRecipe, recipesHelp, treatmentOf, treatmentOptions } from './treatment-flags.ts';
import { version } from './version.ts';
import { openNativeQuantizer, type NativeQuantizer } from './weight-quantizer.ts';

const help = `
${recipesHelp}

Examples:
  cider convert model/ -o model-w8a8/
  cider convert Qwen/Qwen3-0.6B -o qwen3-w8a8/
  cider convert model/ -o model-w4a8/ --mode w4a8 --gs 64 --recipe best
  cider convert model/ -o model-w4a8/ --mode w4a8 --gs 64 --recipe best --data self --dry-run
  cider convert model/ -o model-w8a8/ --ignore lm_head 'layers.0.*' --dry-run`;

export function convertCommand(): Command {
  const command = new Command('convert')
    .summary('quantize a checkpoint to INT8 or INT4')
    .description('Quantize a float checkpoint to INT8 or INT4, in files that vLLM and transformers load.')
    .argument('<model>', 'folder of a Hugging Face checkpoint (safetensors), or org/name[@revision] of the Hub')
    .requiredOption('-o, --output <folder>', 'folder to create')
    .addHelpText('after', help)
    .action((model: string, flags: ConvertFlags) =>
      runCommand('convert', flags, (context) => run(model, applyRecipe(flags, command), command, context)),
    );
  for (const option of [
    modeOption().default('w8a8'),
    ...schemeOptions(),
    ...treatmentOptions(),
    ...calibrationOptions(),
    new Option('--format <format>', 'format of the output')
      .choices(['compressed-tensors'])
      .default('compressed-tensors'),
    backendOption(),
    new Option('--dry-run', 'print what would become of each tensor, what it would take, and write nothing'),
    ...outputOptions(),
  ]) {
    command.addOption(option);
  }
  return command;
}

async function run(
  model: string,
  flags: ConvertFlags,
  command: Command,
  context: CommandContext,
): Promise<CommandOutcome> {
  const treatment = treatmentOf(flags, command);
  if (!needsCalibration(treatment)) refuseUnusedCalibration(command);
  const { path } = await resolveModel(model, context);
  const request: ConversionRequest = {
    model: path,
    mode: flags.mode,
    groupSize: flags.gs ?? defaultGroupSize(flags.mode),
    clip: flags.clip,
    ignore: flags.ignore,
    onIndivisible: flags.onIndivisible,
    maxShardBytes: flags.maxShardSize,
    treatment,
    recipe: flags.recipe,
  };
  const checkpoint = Checkpoint.open(path);
  try {
    if (!isPlain(treatment)) return await convertWithModel(checkpoint, request, flags, context);
    const conversion = prepareConversion(nodeFileSystem, checkpoint, request);
    for (const warning of conversion.warnings) context.output.warn(warning);
    if (flags.dryRun) {
      context.output.print(describePlan(conversion));
      return { result: { ...summarize(conversion, flags.output, []), plan: conversion.tensors.map(planRow) } };
    }
    const quantizer = flags.clip.kind === 'minmax' ? await openNativeQuantizer(flags.threads) : undefined;
    const files = await write(conversion, flags, context, quantizer);
    context.output.print(describeResult(conversion, flags.output, files));
    return { result: summarize(conversion, flags.output, files), ...(quantizer && { backend: quantizer.used }) };
  } finally {
    checkpoint.close();
  }
}

async function write(
  conversion: Conversion,
  flags: ConvertFlags,
  { output, signal }: CommandContext,
  quantizer: NativeQuantizer | undefined,
): Promise<ManifestFile[]> {
  const executor = workerExecutor(flags.threads, quantizer?.quantize);
  const progress = output.progress({ label: 'convert', total: conversion.bytes.in, unit: 'bytes' });
  try {
    return await convert(conversion, {
      fileSystem: nodeFileSystem,
      output: flags.output,
      executor,
      owner: lockOwner(),
      version,
      signal,
      overwrite: flags.overwrite ?? false,
      resume: flags.resume ?? false,
      onNote: (text) => {
        output.note(text);
      },
      onProgress: (done, tensor) => {
        progress.update(done, tensor);
      },
    });
  } finally {
    progress.finish();
    await executor.close();
    await quantizer?.close();
  }
}
