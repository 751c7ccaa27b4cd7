import os from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { edgeCases, originalCases, randomCases } from '../kernels/verify/case-list.ts';
import { parseCase, type VerifyCase } from '../kernels/verify/verify-case.ts';
import { verifyBackends, type VerifiedBackend } from '../kernels/verify/verify.ts';
import type { VerifiableBackend } from '../kernels/verify/weight-quantizer.ts';
import { BackendUnavailableError } from '../quant/errors.ts';
import { chooseCandidates, listCandidates, type BackendCandidate, type Candidates } from './backend-candidates.ts';
import { integerIn, listOf, oneOf } from './options.ts';
import type { Output } from './output.ts';
import { runCommand, type CommandContext, type CommandOutcome, type SharedFlags } from './run-command.ts';
import { openVerifiedReference } from './verified-reference.ts';
import { describeTrial } from './trial.ts';
import { describeBackends, describeMismatch, mismatchError, repeatCommand } from './verify-report.ts';

const suiteNames = ['original', 'edges', 'random'] as const;
type SuiteName = (typeof suiteNames)[number];

interface VerifyFlags extends SharedFlags {
  backend?: string[];
  isa?: string[];
  threads: number[];
  suite: SuiteName[];
  seed: number;
  count: number;
  case?: VerifyCase;
}

const DEFAULT_RANDOM_CASES = 200;
const MAX_RANDOM_CASES = 1e6;
const MAX_SEED = 999_999_999;
const MAX_THREADS = 1024;

/** One thread, more than most tasks divide evenly among, and as many as the machine has. */
const DEFAULT_THREADS = [...new Set([1, 3, os.availableParallelism()])];

const examples = `
Examples:
  cider verify-bitexact
  cider verify-bitexact --isa avx2 --suite random --seed 7 --count 5000
  cider verify-bitexact --backend metal
  cider verify-bitexact --backend cpu --case w8a8-g128+bias:33x1025x513:edges:7`;

/** @param list finds what this machine has beside the reference */
export function verifyBitexactCommand(list: () => Promise<Candidates> = listCandidates): Command {
  return new Command('verify-bitexact')
    .summary('compare every backend and instruction set with the reference, bit by bit')
    .description(
      'Compare every backend and instruction set of this machine with the reference, bit by bit: the raw integer ' +
        'product, the quantizers of activations and weights, and whole W8A8 and W4A8 layers. The cases are the fourteen shapes of ' +
        'the original cider, the edge cases of docs/numerics.md and random ones.',
    )
    .addOption(
      new Option('--backend <list>', 'only these backends (default: all but reference)').argParser(listOf(String)),
    )
    .addOption(new Option('--isa <list>', 'only these instruction sets (default: all)').argParser(listOf(String)))
    .addOption(
      new Option('-t, --threads <list>', 'numbers of threads to try')
        .argParser(listOf(integerIn(1, MAX_THREADS)))
        .default(DEFAULT_THREADS, '1, 3 and one per core'),
    )
    .addOption(
      new Option('--suite <list>', 'cases to compare')
        .argParser(listOf(oneOf(suiteNames)))
        .default([...suiteNames], suiteNames.join(',')),
    )
    .addOption(new Option('--seed <n>', 'seed of the random cases').argParser(integerIn(0, MAX_SEED)).default(0))
    .addOption(
      new Option('--count <n>', 'random cases').argParser(integerIn(0, MAX_RANDOM_CASES)).default(DEFAULT_RANDOM_CASES),
    )
    .addOption(new Option('--case <name>', 'only this case, as a mismatch names it').argParser(caseOption))
    .addHelpText('after', examples)
    .action((flags: VerifyFlags) =>
      runCommand('verify-bitexact', flags, async (context) => run(flags, await list(), context)),
    );
}

function caseOption(text: string): VerifyCase {
  try {
    return parseCase(text);
  } catch (error) {
    throw error instanceof RangeError ? new InvalidArgumentError(error.message) : error;
  }
}

async function run(flags: VerifyFlags, found: Candidates, context: CommandContext): Promise<CommandOutcome> {
  const { output, signal } = context;
  const { cases, description } = chooseCases(flags);
  const chosen = chooseCandidates(found, flags);
  const { backends, skipped } = await openAll(chosen, flags, cases.length, output);
  const progress = output.progress({ label: 'verify-bitexact', total: cases.length, unit: 'cases' });
  try {
    const report = await verifyBackends(openVerifiedReference(), backends, cases, {
      signal,
      onCase: (done, item) => {
        progress.update(done, item);
      },
    });
    progress.finish();
    const { firstMismatch } = report;
    const rows = [...report.backends, ...skipped];
    const trials = Object.entries(found.trials).filter(([name]) => chosen.some(({ backend }) => backend === name));
    output.print(`${describeBackends(rows)}\n\n${description}`);
    for (const [backend, steps] of trials) output.print(`\nhow ${backend} was tried\n${describeTrial(steps)}`);
    const result = { backends: rows, ...(trials.length > 0 && { trials: Object.fromEntries(trials) }) };
    if (!firstMismatch) return { result: { ...result, firstMismatch: null } };
    output.print(`\n${describeMismatch(firstMismatch)}`);
    return {
      result: { ...result, firstMismatch: { ...firstMismatch, command: repeatCommand(firstMismatch) } },
      failure: mismatchError(rows, firstMismatch),
    };
  } finally {
    progress.finish();
    for (const backend of backends) backend.close();
  }
}

function chooseCases({ case: only, suite, seed, count }: VerifyFlags): { cases: VerifyCase[]; description: string } {
  if (only) return { cases: [only], description: 'the one case that was named, with each number of threads' };
  const suites = {
    original: { cases: originalCases(), origin: 'in the fourteen shapes of the original cider (layers: M up to 33)' },
    edges: { cases: edgeCases(), origin: 'at the edges of docs/numerics.md' },
    random: { cases: randomCases(seed, count), origin: `random (--seed ${seed} --count ${count})` },
  };
  const chosen = suiteNames.filter((name) => suite.includes(name)).map((name) => suites[name]);
  const parts = chosen.map(({ cases, origin }) => `${cases.length} ${origin}`);
  return {
    cases: chosen.flatMap(({ cases }) => cases),
    description: `cases: ${parts.join(', ')}; small ones with each number of threads, large ones with one in turn`,
  };
}

/** Opens each candidate with each number of threads. Those that are not to be had are skipped unless they were named. */
async function openAll(
  candidates: readonly BackendCandidate[],
  { backend: named, isa: namedIsa, threads }: VerifyFlags,
  cases: number,
  output: Output,
): Promise<{ backends: VerifiableBackend[]; skipped: VerifiedBackend[] }> {
  const backends: VerifiableBackend[] = [];
  const skipped: VerifiedBackend[] = [];
  for (const { backend, isa, hasThreads, open } of candidates) {
    try {
      for (const count of hasThreads ? threads : [1]) backends.push(await open(count));
    } catch (error) {
      const isLast = backends.length === 0 && skipped.length === candidates.length - 1;
      if (!(error instanceof BackendUnavailableError) || named || namedIsa || isLast) throw error;
      output.warn(`${backend} ${isa} is skipped: ${error.message}`);
      skipped.push({ backend, isa, threads: [], cases: 0, mismatches: 0, skipped: cases });
    }
  }
  return { backends, skipped };
}
