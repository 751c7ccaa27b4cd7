import { Command } from 'commander';
import { InputError } from '../quant/errors.ts';
import { inspect } from '../quant/inspect.ts';
import type { Inspection } from '../quant/inspection.ts';
import { resolveModel } from './model-argument.ts';
import { runCommand, type CommandContext, type CommandOutcome, type SharedFlags } from './run-command.ts';
import { formatBytes, formatTable, left, printable, right } from './text.ts';

interface InspectFlags extends SharedFlags {
  check?: boolean;
}

const examples = `
Examples:
  cider inspect model/
  cider inspect model/model-00001-of-00002.safetensors
  cider inspect model-w8a8/ --check
  cider inspect model-Q4_K_M.gguf`;

export function inspectCommand(): Command {
  return new Command('inspect')
    .summary('show what a checkpoint holds, and what is wrong with it')
    .description('Show tensors, dtypes, shapes, sizes and scheme of a checkpoint, and what is wrong with it.')
    .argument('<model>', 'folder of a checkpoint, a .safetensors or .gguf file, or org/name[@revision] of the Hub')
    .option('--check', 'read every value too: non-finite weights, scales and codes out of range')
    .addHelpText('after', examples)
    .action((model: string, flags: InspectFlags) =>
      runCommand('inspect', flags, (context) => run(model, flags, context)),
    );
}

async function run(model: string, flags: InspectFlags, context: CommandContext): Promise<CommandOutcome> {
  const { output, signal } = context;
  const { path } = await resolveModel(model, context);
  const inspection = await inspect(path, { check: flags.check ?? false, signal });
  const { warnings, ...result } = inspection;
  for (const warning of warnings) output.warn(warning);
  output.print(describe(inspection));
  const count = inspection.problems.length;
  if (count === 0) return { result };
  const [first] = inspection.problems;
  const failure = new InputError(count === 1 ? first.message : `${first.message} (and ${count - 1} more problems)`, {
    code: first.code,
    details: { problems: inspection.problems.map(({ message }) => message) },
  });
  return { result, failure };
}

function describe({ files, scheme, parameters, tensors, metadata = {}, problems }: Inspection): string {
  const bytes = files.reduce((total, file) => total + file.bytes, 0);
  const table = formatTable(
    [left('tensor'), left('dtype'), right('shape'), right('size')],
    tensors.map((tensor) => [
      printable(tensor.name),
      printable(tensor.dtype),
      tensor.shape.join(' × '),
      formatBytes(tensor.bytes),
    ]),
  );
  const facts = Object.entries(metadata).map(([key, value]) => [printable(key), printable(value)]);
  const summary = [
    ...(facts.length > 0 ? [formatTable([left('metadata'), left('value')], facts), ''] : []),
    `files       ${files.map(({ name }) => printable(name)).join(', ')} (${formatBytes(bytes)})`,
    `scheme      ${scheme}`,
    `parameters  ${parameters.toLocaleString('en-US')} in ${tensors.length} tensors`,
  ];
  const found = problems.map(({ message }) => `problem     ${printable(message)}`);
  return [table, '', ...summary, ...found].join('\n');
}
