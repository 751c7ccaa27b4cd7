import { Command, CommanderError } from 'commander';
import { benchCommand } from './bench.ts';
import { checkCommand } from './check.ts';
import { compareCommand } from './compare.ts';
import { convertCommand } from './convert.ts';
import { doctorCommand } from './doctor.ts';
import { evalPplCommand } from './eval-ppl.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { generateCommand } from './generate.ts';
import { inspectCommand } from './inspect.ts';
import { failBeforeCommand } from './run-command.ts';
import { smoothquantCommand } from './smoothquant.ts';
import { verifyBitexactCommand } from './verify-bitexact.ts';
import { version } from './version.ts';

/** The command tree; `docs/cli.md` is generated from it. */
export function buildProgram(): Command {
  const program = new Command('cider')
    .description('Quantize Hugging Face checkpoints to INT8 and INT4, and prove what that cost and what it gained.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help of a command')
    .addHelpText('after', '\nFirst try: cider eval-ppl    (evaluates the bundled model; needs nothing else)');
  for (const command of [
    convertCommand(),
    smoothquantCommand(),
    inspectCommand(),
    evalPplCommand(),
    compareCommand(),
    checkCommand(),
    generateCommand(),
    benchCommand(),
    verifyBitexactCommand(),
    doctorCommand(),
  ]) {
    program.addCommand(
      command
        .option('--json', 'print one JSON document on stdout instead of text')
        .option('-q, --quiet', 'print no notes and no progress')
        .option('--no-progress', 'print no progress'),
    );
  }
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  return program;
}

/** Runs `cider` with the arguments after the program's name. */
export async function main(args: readonly string[]): Promise<ExitCode | undefined> {
  const program = buildProgram();
  try {
    await program.parseAsync(args, { from: 'user' });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    if (error instanceof CommanderError && error.code === 'commander.help') return exitCodes.usage;
    const known = program.commands.find((command) => command.name() === args[0]);
    return failBeforeCommand(known?.name() ?? 'cli', error);
  }
}
