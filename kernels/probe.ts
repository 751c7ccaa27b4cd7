import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What a library says of itself and of this machine, once it has multiplied correctly. */
export interface ProbeReport {
  abiVersion: number;
  /** Instruction set and threads of a device that was opened as asked. */
  isa: string;
  threads: number;
  /** All that this machine runs, the best first. */
  isas: readonly string[];
  cpuFeatures: readonly string[];
}

export type ProbeResult = { ok: true; report: ProbeReport } | { ok: false; reason: string };

export interface ProbeOptions {
  isa?: string | undefined;
  timeoutMs?: number;
}

/** A probe takes a tenth of a second; whatever takes this long has hung. */
const TIMEOUT_MS = 20_000;

const child = fileURLToPath(new URL('./probe-child.js', import.meta.url));

/**
 * Loads a library in a process of its own and multiplies a small matrix with it, so that a library that crashes, hangs or
 * does not fit does that to a child. Never throws: the reason is one line.
 */
export function probeLibrary(path: string, options: ProbeOptions = {}): Promise<ProbeResult> {
  const { isa = '', timeoutMs = TIMEOUT_MS } = options;
  return new Promise((resolve) => {
    const fail = (reason: string): void => {
      resolve({ ok: false, reason });
    };
    // Of standard error only what a failing loader says is of use, and that comes in the answer.
    const process_ = spawn(process.execPath, [child, path, isa], {
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
