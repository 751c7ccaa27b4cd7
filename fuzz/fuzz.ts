/**
 * `npm run fuzz -- [--minutes M] [--target T …] [--seed S] [--workers N]`: gives changed forms of the corpus to whatever
 * reads files that nobody vouches for. Exit code 1 if one of them was not answered as it should be.
 *
 * `--case N` with a target and a seed makes that one input again and runs it here, without limits.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Findings } from './findings.ts';
import { caseMaker } from './make-case.ts';
import { runCase } from './run-case.ts';
import { supervise, type Supervised } from './supervise.ts';
import { addTally, emptyTally, tallyTable } from './tally.ts';
import { findTarget, slowTargets, targets } from './targets.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    target: { type: 'string', multiple: true, default: targets.map(({ name }) => name) },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    workers: { type: 'string', default: String(availableParallelism()) },
    case: { type: 'string' },
    codes: { type: 'boolean', default: false },
  },
});

const whole = (name: 'seed' | 'workers' | 'case'): number => {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number`);
  return value;
};

async function runOne(name: string, seed: number, index: number): Promise<void> {
  const target = findTarget(name);
  const input = caseMaker(target, seed)(index);
  for (const [file, bytes] of input) console.log(`${file}: ${bytes.length} bytes`);
  const outcome = await runCase(target, input, (action) => action());
  console.log(outcome.kind === 'untyped' ? outcome.failure : outcome);
  if (outcome.kind === 'untyped') process.exitCode = 1;
}

/** Of the time: what starts a process for each input would take much of it for few inputs. */
const shareOf = (name: string): number => (slowTargets.some((target) => target.name === name) ? 0.25 : 1);

async function runAll(names: readonly string[], seed: number): Promise<void> {
  const workers = whole('workers');
  const total = names.reduce((sum, name) => sum + shareOf(name), 0);
  const secondsOf = (name: string): number => (Number(values.minutes) * 60 * workers * shareOf(name)) / total;
  if (!(secondsOf(names[0]) > 0)) throw new Error('--minutes takes a number above 0');
  console.log(
    `seed ${seed}: ${names.length} targets, up to ${secondsOf(names[0]).toFixed(1)} s each, ${workers} at a time`,
  );
  const scratch = mkdtempSync(join(tmpdir(), 'cider-fuzz-'));
  const findings = new Findings();
  const rows = new Map<string, Supervised>();
  const queue = names.values();
  const takeTurns = async (): Promise<void> => {
    for (const target of queue) {
      const onFinding = (finding: Parameters<Findings['add']>[0]): void => {
        const told = findings.add(finding);
        if (told !== undefined) console.log(`${target}: ${told}`);
      };
      rows.set(target, await supervise({ target, seed, seconds: secondsOf(target), scratch, onFinding }));
    }
  };
  try {
    await Promise.all(Array.from({ length: workers }, takeTurns));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  report(rows);
  if (findings.kinds > 0) {
    console.log(`${findings.kinds} kinds of failure`);
    process.exitCode = 1;
  }
}

function report(rows: ReadonlyMap<string, Supervised>): void {
  const total: Supervised = { tally: emptyTally(), seconds: 0, peakBytes: 0 };
  for (const { tally, seconds, peakBytes } of rows.values()) {
    addTally(total.tally, tally);
    total.seconds += seconds;
    total.peakBytes = Math.max(total.peakBytes, peakBytes);
  }
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, row]) => ({ name, ...row }));
  console.log(tallyTable([...sorted, { name: 'total', ...total }]));
  if (!values.codes) return;
  for (const { name, tally } of sorted) {
    const codes = Object.entries(tally.rejected).sort(([, a], [, b]) => b - a);
    console.log(`${name}: ${codes.map(([code, times]) => `${code} ${times}`).join(', ')}`);
  }
}

if (values.case === undefined) await runAll(values.target, whole('seed'));
else await runOne(values.target[0], whole('seed'), whole('case'));
