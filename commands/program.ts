import { Command, CommanderError } from 'commander';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { failBeforeCommand } from './run-command.ts';
import { version } from './version.ts';

/** The commands, in the order of the help. A run reads the modules of one of them only, which is most of a short run's time. */
const commands: Record<string, () => Promise<Command>> = {
  convert: async () => (await import('./convert.ts')).convertCommand(),
  smoothquant: async () => (await import('./smoothquant.ts')).smoothquantCommand(),
  inspect: async () => (await import('./inspect.ts')).inspectCommand(),
  'eval-ppl': async () => (await import('./eval-ppl.ts')).evalPplCommand(),
  compare: async () => (await import('./compare.ts')).compareCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  generate: async () => (await import('./generate.ts')).generateCommand(),
  bench: async () => (await import('./bench.ts')).benchCommand(),
  'verify-bitexact': async () => (await import('./verify-bitexact.ts')).verifyBitexactCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
};

/**
 * The command tree; `docs/cli.md` is generated from it.
 *
 * @param names of the commands that are wanted in it
 */
export async function buildProgram(names: readonly string[] = Object.keys(commands)): Promise<Command> {
  const program = new Command('cider')
    .description('Quantize Hugging Face checkpoints to INT8 and INT4, and prove what that cost and what it gained.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help of a command')
    .addHelpText('after', '\nFirst try: cider eval-ppl    (evaluates the bundled model; needs nothing else)');
  for (const command of await Promise.all(names.map((name) => commands[name]()))) {
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
  const [name = ''] = args;
  const program = await buildProgram(Object.hasOwn(commands, name) ? [name] : undefined);
  try {
    await program.parseAsync(args, { from: 'user' });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    if (error instanceof CommanderError && error.code === 'commander.help') return exitCodes.usage;
    return failBeforeCommand(Object.hasOwn(commands, name) ? name : 'cli', error);
  }
}
