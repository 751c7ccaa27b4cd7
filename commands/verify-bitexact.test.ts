import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../kernels/backend.ts';
import { openVerifiedReference } from './verified-reference.ts';
import { runCli } from '../testing/run-cli.ts';
import type { BackendCandidate, Candidates } from './backend-candidates.ts';
import { BackendUnavailableError } from '../quant/errors.ts';
import { verifyBitexactCommand } from './verify-bitexact.ts';

interface Verified {
  ok: boolean;
  result: {
    backends: { backend: string; isa: string; threads: number[]; cases: number; mismatches: number; skipped: number }[];
    firstMismatch: {
      isa: string;
      threads: number;
      case: string;
      difference: { output: string; row: number; column: number; expected: { bits: string }; actual: { bits: string } };
      command: string;
    } | null;
  };
  error?: { code: string; exit: number; message: string };
}

const small = 'w8a8-g32+bias:3x7x65:edges:5';

/** The reference in the place of a backend, with what a fault makes of its outputs. */
function candidate(isa: string, fault: (values: Float32Array) => Float32Array = (values) => values): BackendCandidate {
  const reference = openVerifiedReference();
  return {
    backend: 'cpu',
    isa,
    hasThreads: true,
    open: (threads) => ({
      ...reference,
      info: { name: 'cpu', isa, threads },
      download: (tensor) => fault(reference.download(tensor)),
    }),
  };
}

/** Off by the last bit in the last column of outputs with more than four. */
function lastBit(values: Float32Array): Float32Array {
  if (values.length > 4) new Int32Array(values.buffer)[values.length - 1] ^= 1;
  return values;
}

describe('cider verify-bitexact', () => {
  let stdout = '';
  let stderr = '';

  beforeEach(() => {
    stdout = '';
    stderr = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((stdout += String(text)), true));
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true));
  });

  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = undefined;
  });

  /** Runs the command on made-up backends, in this process. @returns its exit code */
  async function verify(
    args: string,
    candidates: readonly BackendCandidate[],
    trials: Candidates['trials'] = {},
  ): Promise<number> {
    const command = verifyBitexactCommand(() => Promise.resolve({ candidates, absent: [], trials }));
    command.option('--json').option('-q, --quiet');
    await new Command().addCommand(command).parseAsync(['verify-bitexact', ...args.split(' ')], { from: 'user' });
    const exitCode = Number(process.exitCode);
    process.exitCode = undefined;
    return exitCode;
  }

  it('prints a line for each instruction set', async () => {
    expect(await verify(`--case ${small} --threads 1,3`, [candidate('fast'), candidate('slow')])).toBe(0);
    expect(stderr).toBe('');
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'backend  isa   threads  cases  mismatches  skipped',
      'cpu      fast  1, 3         2           0        0',
      'cpu      slow  1, 3         2           0        0',
    ]);
  });

  it('shows the first mismatch, exits 7, and prints the command that repeats it', async () => {
    const candidates = [candidate('good'), candidate('bad', lastBit)];
    expect(await verify(`--case ${small} -t 1,3`, candidates)).toBe(7);
    expect(stdout).toMatch(/^cpu +bad +1, 3 +2 +2 +0$/m);
    expect(stdout).toMatch(
      /first mismatch: cpu bad, 1 thread, w8a8-g32\+bias:3x7x65:edges:5\n {2}out\[2, 6\] is 0x[0-9a-f]{8} \(/,
    );
    expect(stderr).toMatch(/^error: 2 of 4 comparisons do not give the bits of the reference/);

    const [, , repeated] = /repeat with: (cider verify-bitexact) (.*)\n/.exec(stdout) ?? [];
    expect(repeated).toBe(`--backend cpu --isa bad --threads 1 --case ${small}`);
    expect(await verify(`${repeated} --json`, candidates)).toBe(7);
  });

  it('finds a fault among all cases, and the same one again by its name', async () => {
    const candidates = [candidate('bad', (values) => (values.length % 2 === 1 ? lastBit(values) : values))];
    expect(await verify('--seed 3 --count 40 -t 1 --suite random --json', candidates)).toBe(7);
    const { result, error } = JSON.parse(stdout) as Verified;
    expect(error).toMatchObject({ code: 'E_NOT_BIT_EXACT', exit: 7 });
    expect(result.backends).toMatchObject([{ backend: 'cpu', isa: 'bad', threads: [1], skipped: 0 }]);
    const [, args] = result.firstMismatch?.command.split('cider verify-bitexact ') ?? [];
    stdout = '';
    expect(await verify(`${args} --json`, candidates)).toBe(7);
    const again = JSON.parse(stdout) as Verified;
    expect(again.result.firstMismatch).toEqual(result.firstMismatch);
    expect(again.result.backends).toMatchObject([{ cases: 1, mismatches: 1 }]);
  });

  it.each(['--backend metal', '--backend cpu,metal', '--isa avx9000', '--backend reference --isa fast'])(
    'exits 6 for what this machine does not have: %s',
    async (args) => {
      expect(await verify(`${args} --case ${small}`, [candidate('fast')])).toBe(6);
      expect(stdout).toBe('');
      expect(stderr).toContain('hint: there is: cpu fast');
    },
  );

  it('opens what has no threads once, and tells how it was tried', async () => {
    const gpu = { ...candidate('fast'), hasThreads: false };
    const trials = { cpu: [{ status: 'ok' as const, name: 'layout', detail: 'as expected' }] };
    expect(await verify(`--case ${small} -t 1,2,3`, [gpu], trials)).toBe(0);
    expect(stdout).toMatch(/^cpu +fast +1 +1 +0 +0$/m);
    expect(stdout).toContain('\nhow cpu was tried\nok    layout             as expected\n');
    stdout = '';
    expect(await verify(`--case ${small} --json`, [gpu], trials)).toBe(0);
    expect((JSON.parse(stdout) as Verified).result).toMatchObject({ trials });
  });

  it('exits 6 where there is nothing to compare, rather than to pass', async () => {
    expect(await verify(`--case ${small}`, [])).toBe(6);
    expect(stderr).toContain('there is nothing to compare');
  });

  it('skips what cannot be opened with a warning, unless it was named or nothing else is left', async () => {
    const open = (): Backend => {
      throw new BackendUnavailableError('no such unit', { code: 'E_BACKEND_UNAVAILABLE' });
    };
    const odd = { backend: 'gpu', isa: 'odd', hasThreads: false, open };
    expect(await verify(`--case ${small} -t 1,2`, [candidate('good'), odd])).toBe(0);
    expect(stderr).toBe('warning: gpu odd is skipped: no such unit\n');
    expect(stdout).toMatch(/^gpu +odd +0 +0 +1$/m);
    expect(await verify(`--case ${small} --backend gpu`, [candidate('good'), odd])).toBe(6);
    expect(await verify(`--case ${small}`, [odd])).toBe(6);
  });
});

describe('cider verify-bitexact as a process', () => {
  it('compares the reference with itself when it is named', async () => {
    const run = await runCli(['verify-bitexact', '--backend', 'reference', '-t', '1', '--case', small, '--json']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const { ok, result } = JSON.parse(run.stdout) as Verified;
    expect(ok).toBe(true);
    expect(result).toEqual({
      backends: [{ backend: 'reference', isa: 'typescript', threads: [1], cases: 1, mismatches: 0, skipped: 0 }],
      firstMismatch: null,
    });
  });

  it.each([
    [['--case', 'w8a8'], /--case .* is none; one is w8a8-g128\+bias:33x1025x513:edges:7/],
    [['--count', '-1'], /--count <n>/],
    [['--threads', '1,0'], /--threads/],
    [['--suite', 'most'], /--suite/],
  ])('refuses %j', async (args, message) => {
    const run = await runCli(['verify-bitexact', ...args]);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toMatch(message);
  });

  it('stops at once when it is interrupted', async () => {
    const run = await runCli(['verify-bitexact', '--backend', 'reference', '--no-progress'], {
      started: (child) => {
        setTimeout(() => child.kill('SIGINT'), 1500);
      },
    });
    expect(run).toMatchObject({ exitCode: 130, stdout: '' });
  });
});
