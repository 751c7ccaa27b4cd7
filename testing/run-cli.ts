import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface CliRun {
  stdout: string;
  stderr: string;
  exitCode: number | null;
  signal: NodeJS.Signals | null;
}

export interface CliOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** Called with the running process, for tests that send signals. */
  started?: (child: ChildProcess) => void;
}

/** The compiled program beside the compiled tests. */
const program = fileURLToPath(new URL('../bin/cider.js', import.meta.url));

/** Runs `cider` as a user would, with pipes for streams and an environment without colour or CI settings. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const { PATH = '', HOME = '' } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      env: { PATH, HOME, ...options.env },
      cwd: options.cwd,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      resolve({ stdout, stderr, exitCode, signal });
    });
    options.started?.(child);
  });
}
