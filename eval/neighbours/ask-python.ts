import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { isAnswer, type Answer, type ListRequest, type RunRequest } from './protocol.ts';

export interface PythonOptions {
  /** Name or path of an interpreter. */
  python: string;
  /** Path of neighbours.py. */
  script: string;
  timeoutSeconds: number;
  signal: AbortSignal;
}

/** `started` is false if there is no such interpreter. Reasons are of one line, and not escaped. */
export type PythonAnswer = { ok: true; answer: Answer } | { ok: false; started: boolean; reason: string };

/** An answer is a line of some hundred characters. */
const MAX_OUTPUT_CHARACTERS = 1024 * 1024;

/** Of standard error the end says what went wrong. */
const KEPT_ERROR_CHARACTERS = 64 * 1024;

/** A reason is one line of a table's footnotes. */
const MAX_REASON_CHARACTERS = 300;

/**
 * Asks the script beside this file one thing, in a process group of its own, which is ended in any case: on an answer, when
 * the time is over, when there is too much output, or when the signal is aborted. Without bytecode files (-B), Python
 * itself writes nothing.
 *
 * @throws what the signal was aborted with
 */
export function askPython(request: ListRequest | RunRequest, options: PythonOptions): Promise<PythonAnswer> {
  const { python, script, timeoutSeconds, signal } = options;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(python, ['-B', script], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    let output = '';
    let errors = '';
    const fail = (reason: string): void => {
      end({ ok: false, started: true, reason: reason.slice(0, MAX_REASON_CHARACTERS) });
    };
    const timer = setTimeout(() => {
      fail(`no answer within ${timeoutSeconds} s`);
    }, timeoutSeconds * 1000);
    const stop = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', interrupt);
      endGroup(child);
    };
    const end = (answer: PythonAnswer): void => {
      stop();
      resolve(answer);
    };
    const interrupt = (): void => {
      stop();
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', interrupt, { once: true });
    child.on('error', ({ message }) => {
      end({ ok: false, started: false, reason: message });
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.length > MAX_OUTPUT_CHARACTERS) fail(`more than ${MAX_OUTPUT_CHARACTERS} characters of output`);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-KEPT_ERROR_CHARACTERS);
    });
    child.on('close', (code, killedBy) => {
      const answer = parseAnswer(output);
      if (!answer) fail(whyNoAnswer(code, killedBy, errors));
      else if (typeof answer['error'] === 'string') fail(lastLine(answer['error']) ?? 'an error without words');
      else end({ ok: true, answer });
    });
    // One that has ended already says why by its exit.
    child.stdin.on('error', () => undefined);
    // Left open: the script ends when its end of the pipe does, should this process be killed.
    child.stdin.write(`${JSON.stringify(request)}\n`);
  });
}

/** The process and all that it started. */
function endGroup({ pid }: ChildProcessByStdio<Writable, Readable, Readable>): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of them are gone.
  }
}

function parseAnswer(output: string): Answer | undefined {
  try {
    const answer = JSON.parse(output) as unknown;
    return isAnswer(answer) ? answer : undefined;
  } catch {
    return undefined;
  }
}

function whyNoAnswer(code: number | null, killedBy: NodeJS.Signals | null, errors: string): string {
  const end = killedBy ?? `exit code ${code ?? '?'}`;
  const last = lastLine(errors);
  return `no answer (${end})${last === undefined ? '' : `: ${last}`}`;
}

/** The last line that is not empty. */
function lastLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .at(-1);
}
