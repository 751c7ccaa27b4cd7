import { setImmediate } from 'node:timers/promises';
import type { BackendInfo } from '../backend.ts';
import { compareOutputs, type Difference } from './compare.ts';
import { prepareCase, type CaseOutput, type RunCase } from './run-case.ts';
import { caseName, type VerifyCase } from './verify-case.ts';
import type { VerifiableBackend } from './weight-quantizer.ts';

/** What became of a backend, all thread counts together. */
export interface VerifiedBackend {
  backend: string;
  isa: string;
  threads: number[];
  /** Comparisons: small cases count once for each number of threads. */
  cases: number;
  mismatches: number;
  /** Cases that were not run, since the backend was not to be had or has nothing for them. */
  skipped: number;
}

/** A case whose result is not the reference's, or whose call threw. */
export interface Mismatch {
  backend: string;
  isa: string;
  threads: number;
  /** Name of the case: verify-case.ts. */
  case: string;
  difference?: Difference;
  error?: string;
}

export interface VerifyReport {
  backends: VerifiedBackend[];
  firstMismatch: Mismatch | undefined;
}

export interface VerifyHooks {
  signal: AbortSignal;
  /** After each case, however many backends ran it. */
  onCase: (done: number, name: string) => void;
}

/** Multiply-adds up to which the cases of a long list are compared with each number of threads. */
const SMALL_CASE = 2 ** 22;

/**
 * Runs each case once on the reference and once on each of the backends, and compares bit by bit. Of backends that differ
 * in nothing but their threads, the large cases of a list take one each, in turn.
 */
export async function verifyBackends(
  reference: VerifiableBackend,
  backends: readonly VerifiableBackend[],
  cases: readonly VerifyCase[],
  hooks: VerifyHooks,
): Promise<VerifyReport> {
  const report: VerifyReport = { backends: [], firstMismatch: undefined };
  for (const [done, verifyCase] of cases.entries()) {
    const run = prepareCase(verifyCase);
    const expected = await run(reference);
    const isSmall = verifyCase.m * verifyCase.n * verifyCase.k <= SMALL_CASE;
    for (const backend of isSmall || cases.length === 1 ? backends : oneThreadCountEach(backends, done)) {
      hooks.signal.throwIfAborted();
      const row = rowOf(report, backend.info);
      const found = expected ? await compareWith(expected, run, backend) : 'skipped';
      if (found === 'skipped') {
        row.skipped++;
        continue;
      }
      row.cases++;
      if (!found) continue;
      row.mismatches++;
      const { name, isa, threads } = backend.info;
      report.firstMismatch ??= { backend: name, isa, threads, case: caseName(verifyCase), ...found };
    }
    hooks.onCase(done + 1, caseName(verifyCase));
    // Lets signals through.
    await setImmediate();
  }
  return report;
}

function oneThreadCountEach(backends: readonly VerifiableBackend[], turn: number): VerifiableBackend[] {
  const groups = new Map<string, VerifiableBackend[]>();
  for (const backend of backends) {
    const { name, isa } = backend.info;
    const group = groups.get(`${name} ${isa}`);
    if (group) group.push(backend);
    else groups.set(`${name} ${isa}`, [backend]);
  }
  return [...groups.values()].map((group) => group[turn % group.length]);
}

async function compareWith(
  expected: readonly CaseOutput[],
  run: RunCase,
  backend: VerifiableBackend,
): Promise<Pick<Mismatch, 'difference' | 'error'> | 'skipped' | undefined> {
  try {
    const outputs = await run(backend);
    if (!outputs) return 'skipped';
    const difference = compareOutputs(expected, outputs);
    return difference && { difference };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function rowOf({ backends }: VerifyReport, { name, isa, threads }: BackendInfo): VerifiedBackend {
  let row = backends.find((known) => known.backend === name && known.isa === isa);
  if (!row) {
    row = { backend: name, isa, threads: [], cases: 0, mismatches: 0, skipped: 0 };
    backends.push(row);
  }
  if (!row.threads.includes(threads)) row.threads.push(threads);
  return row;
}
