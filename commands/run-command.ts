import os from 'node:os';
import type { BackendInfo } from '../kernels/backend.ts';
import type { Failure } from './errors.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { Output } from './output.ts';
import { listenForSignals } from './signals.ts';
import { version } from './version.ts';

/** Options that every command has. */
export interface SharedFlags {
  json?: boolean;
  quiet?: boolean;
  progress?: boolean;
}

export interface CommandContext {
  output: Output;
  /** Aborted with an `InterruptedError` when the user wants to stop. */
  signal: AbortSignal;
}

export interface CommandOutcome {
  /** The `result` of the JSON document. */
  result: object;
  /** The backend that did the arithmetic, if any did, and the SHA-256 of its library if it has one. */
  backend?: BackendInfo & { librarySha256?: string | undefined };
  /** Set if what the command found is a failure, or if it was interrupted; the result is printed all the same. */
  failure?: Error | undefined;
}

/** Runs a command between signal handlers, prints its document or its error, and sets the exit code. */
export async function runCommand(
  name: string,
  flags: SharedFlags,
  command: (context: CommandContext) => Promise<CommandOutcome>,
): Promise<void> {
  const output = new Output({
    json: flags.json ?? false,
    quiet: flags.quiet ?? false,
    progress: flags.progress ?? true,
  });
  const started = performance.now();
  const { signal, stop } = listenForSignals();
  let outcome: Partial<CommandOutcome> = {};
  let failure: Failure | undefined;
  try {
    outcome = await command({ output, signal });
    if (outcome.failure) failure = output.fail(outcome.failure);
  } catch (error) {
    failure = output.fail(signal.aborted ? signal.reason : error);
  } finally {
    stop();
  }
  const elapsedSeconds = (performance.now() - started) / 1000;
  output.document(jsonDocument(name, output.warnings, elapsedSeconds, outcome, failure));
  process.exitCode = failure?.exit ?? exitCodes.ok;
}

/** Prints an error that was found before any command ran, such as an unknown option. */
export function failBeforeCommand(name: string, error: unknown): ExitCode {
  const output = new Output({ json: process.argv.includes('--json'), quiet: false, progress: false });
  const failure = output.fail(error);
  output.document(jsonDocument(name, output.warnings, 0, {}, failure));
  return failure.exit;
}

function jsonDocument(
  command: string,
  warnings: readonly string[],
  elapsedSeconds: number,
  outcome: Partial<CommandOutcome>,
  failure: Failure | undefined,
): object {
  return {
    schema: `cider.${command}/1`,
    ok: failure === undefined,
    version,
    command,
    args: process.argv.slice(2),
    env: {
      node: process.version,
      os: `${process.platform}-${process.arch}`,
      cpu: os.cpus()[0]?.model ?? 'unknown',
      isa: outcome.backend?.isa ?? null,
      backend: outcome.backend?.name ?? null,
      librarySha256: outcome.backend?.librarySha256 ?? null,
    },
    warnings,
    elapsedSeconds: Number(elapsedSeconds.toFixed(3)),
    ...(outcome.result && { result: outcome.result }),
    ...(failure && { error: failure }),
  };
}
