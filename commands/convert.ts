import { Command, Option } from 'commander';
import { openModel } from '../quant/checkpoint/open-model.ts';
import { acceptInput } from '../quant/conversion/accept-input.ts';
import { formatOf } from '../quant/conversion/plan.ts';
import { workerExecutor } from '../quant/conversion/executors.ts';
import { prepareConversion, type Conversion, type ConversionRequest } from '../quant/conversion/prepare.ts';
import { convert } from '../quant/convert.ts';
import { nodeFileSystem } from '../quant/file-system.ts';
import { isPlain, needsCalibration } from '../quant/methods/treatment.ts';
import type { ManifestFile } from '../quant/output/manifest.ts';
import { modes } from '../quant/schemes/scheme.ts';
import { backendOption } from './backend.ts';
import { calibrationOptions, refuseUnusedCalibration } from './calibration-flags.ts';
import {
  allowRequantizeOption,
  defaultGroupSize,
  formatOptions,
  outputOptions,
  schemeOptions,
  type ConvertFlags,
} from './convert-flags.ts';
import { describePlan, describeResult, planRows, summarize } from './convert-plan.ts';
import { lockOwner } from './lock-owner.ts';
import { modelHelp, resolveModel } from './model-argument.ts';
import { oneOf } from './options.ts';
import { runCommand, type CommandContext, type CommandOutcome } from './run-command.ts';
import { applyRecipe, recipesHelp, refuseUnused, treatmentOf, treatmentOptions } from './treatment-flags.ts';
import { version } from './version.ts';
import { openNativeQuantizer, type NativeQuantizer } from './weight-quantizer.ts';

const help = `
${recipesHelp}

Examples:
  cider convert model/ -o model-w8a8/
  cider convert Qwen/Qwen3-0.6B -o qwen3-w8a8/
  cider convert model/ -o model-w4a8/ --mode w4a8 --gs 64 --recipe best
  cider convert model/ -o model-w4a8/ --mode w4a8 --gs 64 --recipe best --data self --dry-run
  cider convert model/ -o model-w8a8/ --ignore lm_head 'layers.0.*' --dry-run
  cider convert model/ -o model-mlx/ --format mlx --mode w4a16
  cider convert model-Q4_K_M.gguf -o model-float/ --mode float`;

export function convertCommand(): Command {
  const command = new Command('convert')
    .summary('quantize a checkpoint to INT8 or INT4')
    .description(
      'Quantize a model to INT8 or INT4, in files that vLLM and transformers load, or mlx-lm; or, with --mode float, ' +
        'write a quantized one as an ordinary float checkpoint.',
    )
    .argument('<model>', modelHelp)
    .requiredOption('-o, --output <folder>', 'folder to create')
    .addHelpText('after', help)
    .action((model: string, flags: ConvertFlags) =>
      runCommand('convert', flags, (context) => run(model, applyRecipe(flags, command), command, context)),
    );
  for (const option of [
    new Option('--mode <mode>', `weights and activations: ${modes.join(', ')}; or float, which quantizes nothing`)
      .argParser(oneOf([...modes, 'float'] as const))
      .default('w8a8'),
    ...schemeOptions(),
    ...treatmentOptions(),
    ...calibrationOptions(),
    ...formatOptions(),
    allowRequantizeOption(),
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
  const groupSize = flags.gs ?? defaultGroupSize(flags.mode);
  if (flags.mode === 'float') refuseUnused(command, quantizingOptions, 'a --mode that quantizes');
  const treatment = treatmentOf(flags, command);
  if (!needsCalibration(treatment)) refuseUnusedCalibration(command);
  const scheme = outputFormat(flags, command);
  if (flags.mode !== 'float') {
    formatOf(scheme).checkRequest({ ...scheme, mode: flags.mode, groupSize, onIndivisible: flags.onIndivisible });
  }
  const { path } = await resolveModel(model, context);
  const asked: ConversionRequest = {
    mode: flags.mode,
    groupSize,
    clip: flags.clip,
    ...scheme,
    onIndivisible: flags.onIndivisible,
    maxShardBytes: flags.maxShardSize,
    treatment,
    recipe: flags.recipe,
  };
  const input = openModel(path);
  try {
    const { route, request } = acceptInput(input, asked, {
      allowQuantized: flags.allowRequantize === true || flags.mode === 'float',
      onWarning: (text) => {
        context.output.warn(text);
      },
    });
    if (route !== 'bytes' || !isPlain(treatment)) {
      // A third of the modules of the command, which a plain conversion does without.
      const { convertWithModel } = await import('./calibrated-conversion.ts');
      return await convertWithModel(input, request, flags, context);
    }
    const conversion = prepareConversion(nodeFileSystem, input, request);
    for (const warning of conversion.warnings) context.output.warn(warning);
    if (flags.dryRun) {
      context.output.print(describePlan(conversion));
      return { result: { ...summarize(conversion, flags.output, []), plan: planRows(conversion) } };
    }
    const quantizer = flags.clip.kind === 'minmax' ? await openNativeQuantizer(flags.threads) : undefined;
    const files = await write(conversion, flags, context, quantizer);
    context.output.print(describeResult(conversion, flags.output, files));
    return { result: summarize(conversion, flags.output, files), ...(quantizer && { backend: quantizer.used }) };
  } finally {
    input.close();
  }
}

/** Flags that say how weights are rounded. */
const quantizingOptions = ['gs', 'ignore', 'onIndivisible', 'clip', 'recipe', 'method', 'format', 'quantizeEmbeddings'];

/** The format, and what of a model it holds quantized: mlx-lm quantizes the embedding and the output layer, too. */
function outputFormat(
  flags: ConvertFlags,
  command: Command,
): Required<Pick<ConversionRequest, 'format' | 'ignore'>> & { quantizeEmbeddings: boolean } {
  const { format, ignore, quantizeEmbeddings = format === 'mlx' } = flags;
  const isIgnoreGiven = command.getOptionValueSource('ignore') !== 'default';
  return { format, quantizeEmbeddings, ignore: quantizeEmbeddings && !isIgnoreGiven ? [] : ignore };
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
