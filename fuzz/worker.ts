import { caseMaker } from './make-case.ts';
import { ProgressFile } from './progress-file.ts';
import { runCase } from './run-case.ts';
import { count, emptyTally, type FailureKind, type Tally } from './tally.ts';
import type { Limited } from './target.ts';
import { findTarget } from './targets.ts';

/** What a worker is asked for. */
export interface WorkerRequest {
  target: string;
  seed: number;
  first: number;
  /** When to end. */
  seconds: number;
  /** When to end, by the number of cases; absent: by time alone. */
  cases?: number;
  progressFile: string;
  maxResidentBytes: number;
}

/** What it says now and then. */
export interface WorkerReport {
  tally: Tally;
  failures: { index: number; kind: FailureKind; what: string }[];
  /** Most memory that the process had. */
  peakBytes: number;
}

/** Time between two reports. */
const REPORT_MS = 500;

/** Runs cases one after the other until the time is over; whether one hangs or ends the process is for the supervisor. */
async function work(request: WorkerRequest): Promise<void> {
  const { seed, first, seconds, cases = Infinity, maxResidentBytes } = request;
  const target = findTarget(request.target);
  const makeCase = caseMaker(target, seed);
  const progress = new ProgressFile(request.progressFile, 'w');
  const end = performance.now() + seconds * 1000;
  let report: WorkerReport = { tally: emptyTally(), failures: [], peakBytes: 0 };
  let reported = performance.now();
  let isOver = false;
  for (let index = first; !isOver && index < first + cases; index++) {
    const limited: Limited = (action) => {
      progress.write({ index, limited: true });
      const result = action();
      if (!(result instanceof Promise)) progress.write({ index, limited: false });
      return result;
    };
    progress.write({ index, limited: false });
    const outcome = await runCase(target, makeCase(index), limited);
    count(report.tally, outcome);
    if (outcome.kind === 'untyped') report.failures.push({ index, kind: 'untyped', what: outcome.failure });
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    if (peakBytes > maxResidentBytes) {
      report.failures.push({ index, kind: 'memory', what: `${Math.round(peakBytes / 2 ** 20)} MiB` });
      report.tally.failures++;
      // The peak cannot be taken back: a fresh process goes on.
      isOver = true;
    }
    const now = performance.now();
    isOver ||= now >= end;
    if (now - reported < REPORT_MS && !isOver) continue;
    await send({ ...report, peakBytes });
    report = { tally: emptyTally(), failures: [], peakBytes: 0 };
    reported = now;
  }
  await send({ ...report, peakBytes: process.resourceUsage().maxRSS * 1024 });
  process.disconnect();
}

const send = (report: WorkerReport): Promise<void> =>
  new Promise((resolve) => {
    process.send?.(report, () => {
      resolve();
    });
  });

process.once('message', (request) => {
  void work(request as WorkerRequest);
});
