import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { NativeBackendName } from './native-backend.ts';

/** A step in the trial of a backend that tries itself. */
export interface TrialStep {
  status: 'ok' | 'warn' | 'fail';
  name: string;
  detail: string;
}

/** What a library says of itself and of this machine, once a backend of it has multiplied correctly. */
export interface ProbeReport {
  abiVersion: number;
  /** Instruction set and threads of a device that was opened as asked. */
  isa: string;
  threads: number;
  /** All of the backend that this machine runs, the best first. */
  isas: readonly string[];
  cpuFeatures: readonly string[];
  /** How metal tried itself; cpu has no steps. */
  trial: readonly TrialStep[];
}

export type ProbeResult =
  { ok: true; report: ProbeReport } | { ok: false; reason: string; trial?: readonly TrialStep[] };

export interface ProbeOptions {
  /** Default: `cpu`. */
  backend?: NativeBackendName | undefined;
  isa?: string | undefined;
  /** Folder of the metal backend for what it finds out about a machine. */
  cache?: string | undefined;
  timeoutMs?: number;
}

/**
 * A probe of cpu takes a tenth of a second. For metal the system compiles kernels: some seconds on a Mac, minutes where an
 * emulator stands in for one. Whatever takes as long as this has hung.
 */
const TIMEOUTS_MS = { cpu: 20_000, metal: 600_000 } as const;

const child = fileURLToPath(new URL('./probe-child.js', import.meta.url));

/**
 * Loads a library in a process of its own and multiplies a small matrix with it, so that a library that crashes, hangs or
 * does not fit does that to a child. Never throws: the reason is one line.
 */
export function probeLibrary(path: string, options: ProbeOptions = {}): Promise<ProbeResult> {
  const { backend = 'cpu', isa = '', cache = '' } = options;
  const { timeoutMs = TIMEOUTS_MS[backend] } = options;
  return new Promise((resolve) => {
    const fail = (reason: string): void => {
      resolve({ ok: false, reason });
    };
    // Of standard error only what a failing loader says is of use, and that comes in the answer.
    const process_ = spawn(process.execPath, [child, path, backend, isa, cache], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      windowsHide: true,
    });
    let output = '';
    process_.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    process_.on('error', (error) => {
      fail(`no process to try ${path} in: ${error.message}`);
    });
    process_.on('close', (code, signal) => {
      if (process_.killed) fail(`${path} did not answer within ${timeoutMs / 1000} s`);
      else if (code !== 0) fail(`${path} ended the process that tried it: ${signal ?? `exit code ${code ?? '?'}`}`);
      else resolve(parseAnswer(output));
    });
  });
}

/** The last line; what a library prints of its own accord comes before it. */
function parseAnswer(output: string): ProbeResult {
  try {
    return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as ProbeResult;
  } catch {
    return { ok: false, reason: `the process that tried the library gave no answer` };
  }
}
