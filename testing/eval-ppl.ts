import type { EvaluationReport } from '../commands/eval-report.ts';
import { packagePath } from '../commands/package-path.ts';
import { runCli, type CliOptions, type CliRun } from './run-cli.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** The JSON document of `eval-ppl`. */
export interface Evaluated {
  schema: string;
  ok: boolean;
  env: { backend: string; isa: string };
  result: EvaluationReport;
  error?: { code: string; message: string; hint: string; details: Record<string, unknown> };
}

export const model: string = packagePath('fixtures/tiny-qwen3');
export const text: string = packagePath('fixtures/heldout.txt');

/** As little work as gives every value. */
export const short: readonly string[] = ['--ctx', '32', '--samples', '2'];

/** Runs `eval-ppl` with a cache of its own, unless `options` name one, and without progress, which depends on time. */
export function evalPpl(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const env = { XDG_CACHE_HOME: options.env?.['XDG_CACHE_HOME'] ?? temporaryFolder(), ...options.env };
  return runCli(['eval-ppl', '--no-progress', ...args], { ...options, env });
}

export const evaluated = ({ stdout }: CliRun): Evaluated => JSON.parse(stdout) as Evaluated;
