import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ProgressFile, type Position } from './progress-file.ts';
import { addTally, emptyTally, type FailureKind, type Tally } from './tally.ts';
import type { WorkerReport, WorkerRequest } from './worker.ts';

/** A case that must not be. */
export interface Finding {
  target: string;
  seed: number;
  index: number;
  kind: FailureKind;
  what: string;
}

export interface SuperviseOptions {
  target: string;
  seed: number;
  seconds: number;
  /** The first case; others follow it. */
  first?: number;
  /** At most so many. */
  cases?: number;
  /** A folder for what the worker notes down. */
  scratch: string;
  onFinding: (finding: Finding) => void;
  /** Longest time for one case. */
  patienceMs?: number;
}

export interface Supervised {
  tally: Tally;
  seconds: number;
  peakBytes: number;
}

/** Beyond it a case hangs. */
const PATIENCE_MS = 10_000;

/** What cider ends by itself need not be waited for: that it does has targets of its own. */
const LIMITED_PATIENCE_MS = 1500;

const MAX_RESIDENT_BYTES = 2 ** 30;

/** Garbage is collected long before it counts as memory of a case. */
const HEAP_MEGABYTES = 512;

const LOOK_MS = 200;

const worker = fileURLToPath(new URL('./worker.js', import.meta.url));

/** Runs cases of a target in processes, one after the other: a new one goes on after the case that ended the last. */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  const { target, seed, seconds, first = 0, cases = Infinity } = options;
  const start = performance.now();
  const total: Supervised = { tally: emptyTally(), seconds: 0, peakBytes: 0 };
  let next = first;
  for (;;) {
    const left = seconds - (performance.now() - start) / 1000;
    if (left <= 0 || next >= first + cases) break;
    next = await runWorker({ ...options, first: next, cases: first + cases - next, seconds: left }, total);
  }
  total.seconds = (performance.now() - start) / 1000;
  return total;

  /** @returns the case after the last one that was run */
  async function runWorker(
    part: SuperviseOptions & { first: number; cases: number },
    into: Supervised,
  ): Promise<number> {
    const progressFile = join(part.scratch, `${target}.progress`);
    new ProgressFile(progressFile, 'w').close();
    const progress = new ProgressFile(progressFile, 'r');
    const find = (index: number, kind: FailureKind, what: string): void => {
      part.onFinding({ target, seed, index, kind, what });
    };
    const request: WorkerRequest = {
      target,
      seed,
      first: part.first,
      seconds: part.seconds,
      ...(Number.isFinite(part.cases) && { cases: part.cases }),
      progressFile,
      maxResidentBytes: MAX_RESIDENT_BYTES,
    };
    const child = fork(worker, {
      execArgv: [`--max-old-space-size=${HEAP_MEGABYTES}`],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    });
    const killed = watch(child.pid, progress, part.patienceMs ?? PATIENCE_MS, () => child.kill('SIGKILL'));
    child.on('message', (message) => {
      const { tally, failures, peakBytes } = message as WorkerReport;
      addTally(into.tally, tally);
      into.peakBytes = Math.max(into.peakBytes, peakBytes);
      for (const { index, kind, what } of failures) find(index, kind, what);
    });
    child.send(request, () => undefined);
    const ending = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        resolve(code === 0 ? '' : (signal ?? `exit code ${code ?? 'unknown'}`));
      });
    });
    const reason = killed();
    const last = progress.read();
    progress.close();
    if (ending === '') return (last?.index ?? part.first) + 1;
    if (!last) throw new Error(`the worker of ${target} did not begin: ${ending}`);
    into.tally.inputs++;
    if (last.limited) into.tally.ended++;
    else {
      into.tally.failures++;
      find(last.index, reason?.kind ?? 'crash', reason?.what ?? ending);
    }
    return last.index + 1;
  }
}

interface KillReason {
  kind: 'hang' | 'memory';
  what: string;
}

/**
 * Kills a worker that stays at one case for too long, or takes too much memory. What counts is the time that it computed,
 * if the system tells: on a busy machine it may have had little of that.
 *
 * @returns a function that ends the watch and tells why it killed, if it did
 */
function watch(
  pid: number | undefined,
  progress: ProgressFile,
  patienceMs: number,
  kill: () => void,
): () => KillReason | undefined {
  let reason: KillReason | undefined;
  let seen: Position | undefined;
  let since: Usage = { wallMs: 0, cpuMs: 0, residentBytes: 0 };
  const timer = setInterval(() => {
    const position = progress.read();
    const usage = usageOf(pid);
    if (position?.index !== seen?.index || position?.limited !== seen?.limited) since = usage;
    seen = position;
    const limitMs = position?.limited === true ? LIMITED_PATIENCE_MS : patienceMs;
    const [wallMs, cpuMs] = [usage.wallMs - since.wallMs, usage.cpuMs - since.cpuMs];
    if (usage.residentBytes > MAX_RESIDENT_BYTES) {
      reason ??= { kind: 'memory', what: `${Math.round(usage.residentBytes / 2 ** 20)} MiB` };
    } else if (position && (cpuMs > limitMs || wallMs > limitMs * MAX_SLOWDOWN)) {
      reason ??= { kind: 'hang', what: `no end within ${limitMs / 1000} s` };
    }
    if (reason) kill();
  }, LOOK_MS);
  return () => {
    clearInterval(timer);
    return reason;
  };
}

/** Share of a processor that a worker gets at least; less than that looks like waiting. */
const MAX_SLOWDOWN = 6;

interface Usage {
  wallMs: number;
  cpuMs: number;
  residentBytes: number;
}

const PAGE_BYTES = 4096;
const TICK_MS = 10;

/** By Linux's `/proc`. Elsewhere time is that of the clock, and of memory the worker's own peak must do. */
function usageOf(pid: number | undefined): Usage {
  const wallMs = performance.now();
  try {
    const text = readFileSync(`/proc/${pid ?? 0}/stat`, 'latin1');
    // The name of the program stands in parentheses and may hold anything.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [userTicks, systemTicks, pages] = [fields[11], fields[12], fields[21]];
    return { wallMs, cpuMs: (userTicks + systemTicks) * TICK_MS, residentBytes: pages * PAGE_BYTES };
  } catch {
    return { wallMs, cpuMs: wallMs, residentBytes: 0 };
  }
}
