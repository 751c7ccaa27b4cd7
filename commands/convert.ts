import os from 'node:os';
import { Command, Option } from 'commander';
import { Checkpoint } from '../quant/checkpoint/checkpoint.ts';
import { convert } from '../quant/convert.ts';
import { DEFAULT_IGNORE } from '../quant/conversion/plan.ts';
import { workerExecutor } from '../quant/conversion/executors.ts';
import { prepareConversion, type Conversion, type ConversionRequest } from '../quant/conversion/prepare.ts';
import { outputBytes, type PlannedTensor } from '../quant/conversion/plan.ts';
import { weightBits, type QuantizedLinear } from '../quant/checkpoint/compressed-tensors.ts';
import { nodeFileSystem } from '../quant/file-system.ts';
import { groupSizes, modes, type Clip, type GroupSize, type Mode } from '../quant/schemes/scheme.ts';
import type { ManifestFile } from '../quant/output/manifest.ts';
import { lockOwner } from './lock-owner.ts';
import { resolveModel } from './model-argument.ts';
import { integerIn, oneOf, parseBytes, parseClip, parseGroupSize, parseMode } from './options.ts';
import { runCommand, type CommandContext, type CommandOutcome, type SharedFlags } from './run-command.ts';
import { formatBytes, formatTable, left, printable, right } from './text.ts';
import { version } from './version.ts';
import { openNativeQuantizer, type NativeQuantizer } from './weight-quantizer.ts';

interface ConvertFlags extends SharedFlags {
  output: string;
  mode: Mode;
  gs?: GroupSize;
  ignore: string[];
  clip: Clip;
  onIndivisible: 'error' | 'channel';
  maxShardSize: number;
  threads: number;
  dryRun?: boolean;
  resume?: boolean;
  overwrite?: boolean;
}

/** More threads than any machine has cores are a slip of the keyboard. */
const MAX_THREADS = 1024;

const examples = `
Examples:
  cider convert model/ -o model-w8a8/
  cider convert Qwen/Qwen3-0.6B -o qwen3-w8a8/
  cider convert model/ -o model-w4a8/ --mode w4a8 --gs 64
  cider convert model/ -o model-w8a8/ --ignore lm_head 'layers.0.*' --dry-run`;

export function convertCommand(): Command {
  return new Command('convert')
    .summary('quantize a checkpoint to INT8 or INT4')
    .description('Quantize a float checkpoint to INT8 or INT4, in files that vLLM and transformers load.')
    .argument('<model>', 'folder of a Hugging Face checkpoint (safetensors), or org/name[@revision] of the Hub')
    .requiredOption('-o, --output <folder>', 'folder to create')
    .addOption(
      new Option('--mode <mode>', `weights and activations: ${modes.join(', ')}`).argParser(parseMode).default('w8a8'),
    )
    .addOption(
      new Option(
        '--gs <size>',
        `group size: ${groupSizes.join(', ')}; 0 = one scale per channel (default: 0, for w8a16 and w4a16 64)`,
      ).argParser(parseGroupSize),
    )
    .option('--ignore <patterns...>', 'linear layers that stay float: paths, last parts, * or re:…', [DEFAULT_IGNORE])
    .addOption(
      new Option('--clip <how>', 'absmax that a scale is made from: minmax, mse, percentile=P')
        .argParser(parseClip)
        .default({ kind: 'minmax' }, 'minmax'),
    )
    .addOption(
      new Option('--on-indivisible <action>', 'if K is not a multiple of the group size: error, channel')
        .argParser(oneOf(['error', 'channel']))
        .default('error'),
    )
    .addOption(
      new Option('--format <format>', 'format of the output')
        .choices(['compressed-tensors'])
        .default('compressed-tensors'),
    )
    .addOption(
      new Option('--max-shard-size <size>', 'bytes of tensors in a file').argParser(parseBytes).default(5e9, '5GB'),
    )
    .addOption(
      new Option('-t, --threads <n>', 'threads; the output does not depend on them')
        .argParser(integerIn(1, MAX_THREADS))
        .default(os.availableParallelism(), 'one per core'),
    )
    .option('--dry-run', 'print what would become of each tensor, and write nothing')
    .option('--resume', 'go on with an unfinished conversion of the same input and options')
    .option('--overwrite', 'replace an output that cider wrote')
    .addHelpText('after', examples)
    .action((model: string, flags: ConvertFlags) =>
      runCommand('convert', flags, (context) => run(model, flags, context)),
    );
}

async function run(model: string, flags: ConvertFlags, context: CommandContext): Promise<CommandOutcome> {
  const { path } = await resolveModel(model, context);
  const request: ConversionRequest = {
    model: path,
    mode: flags.mode,
    groupSize: flags.gs ?? (flags.mode.endsWith('a16') ? 64 : 0),
    clip: flags.clip,
    ignore: flags.ignore,
    onIndivisible: flags.onIndivisible,
    maxShardBytes: flags.maxShardSize,
  };
  const checkpoint = Checkpoint.open(path);
  try {
    const conversion = prepareConversion(nodeFileSystem, checkpoint, request);
    for (const warning of conversion.warnings) context.output.warn(warning);
    if (flags.dryRun) {
      context.output.print(describePlan(conversion));
      return { result: { ...summary(conversion, flags, []), plan: conversion.tensors.map(planRow) } };
    }
    const quantizer = flags.clip.kind === 'minmax' ? await openNativeQuantizer(flags.threads) : undefined;
    const files = await write(conversion, flags, context, quantizer);
    context.output.print(describeResult(conversion, flags, files));
    return { result: summary(conversion, flags, files), ...(quantizer && { backend: quantizer.used }) };
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

function summary(conversion: Conversion, flags: ConvertFlags, files: readonly ManifestFile[]): object {
  const quantized = conversion.tensors.filter(({ kind }) => kind === 'quantize').length;
  return {
    output: flags.output,
    mode: conversion.request.mode,
    groupSize: conversion.request.groupSize,
    format: 'compressed-tensors',
    tensors: { quantized, copied: conversion.tensors.length - quantized },
    bytes: conversion.bytes,
    files,
  };
}

interface PlanRow {
  name: string;
  action: string;
  shape: readonly number[];
  bytesIn: number;
  bytesOut: number;
}

function planRow(tensor: PlannedTensor): PlanRow {
  const action = tensor.kind === 'copy' ? `copy (${tensor.reason})` : describeLinear(tensor.linear);
  return {
    name: tensor.source.name,
    action: `${tensor.source.dtype} → ${action}`,
    shape: tensor.source.shape,
    bytesIn: tensor.source.bytes,
    bytesOut: outputBytes(tensor),
  };
}

function describeLinear({ mode, groupSize }: QuantizedLinear): string {
  return `int${weightBits(mode)} ${groupSize === 0 ? 'per channel' : `by ${groupSize}`}`;
}

function describePlan(conversion: Conversion): string {
  const rows = conversion.tensors.map(planRow);
  const { in: bytesIn, out: bytesOut } = conversion.bytes;
  const table = formatTable(
    [left('tensor'), right('shape'), left('becomes'), right('before'), right('after')],
    rows.map((row) => [
      printable(row.name),
      row.shape.join(' × '),
      row.action,
      formatBytes(row.bytesIn),
      formatBytes(row.bytesOut),
    ]),
  );
  return `${table}\n\n${rows.length} tensors: ${formatBytes(bytesIn)} → ${formatBytes(bytesOut)} with all files`;
}

function describeResult(conversion: Conversion, flags: ConvertFlags, files: readonly ManifestFile[]): string {
  const quantized = conversion.tensors.filter(({ kind }) => kind === 'quantize').length;
  const { in: bytesIn, out: bytesOut } = conversion.bytes;
  const scheme = `${flags.mode}, ${conversion.request.groupSize === 0 ? 'per channel' : `groups of ${conversion.request.groupSize}`}`;
  return [
    `${printable(flags.output)}: ${scheme}, ${files.length} files`,
    `${quantized} tensors quantized, ${conversion.tensors.length - quantized} copied; ${formatBytes(bytesIn)} → ${formatBytes(bytesOut)}`,
  ].join('\n');
}
