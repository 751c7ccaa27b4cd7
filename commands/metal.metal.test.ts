import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { packagePath } from './package-path.ts';
import { metalEnvironment } from '../testing/metal-runtime.ts';
import { runCli, type CliRun } from '../testing/run-cli.ts';
import type { Check } from './doctor-backends.ts';

interface Doctor {
  ok: boolean;
  result: { checks: Check[] };
}
interface Verified {
  result: {
    backends: { backend: string; isa: string; threads: number[]; cases: number; mismatches: number; skipped: number }[];
    trials: { metal: Check[] };
  };
}
interface Evaluated {
  env: { backend: string; isa: string };
  result: { rows: { config: string; perplexity: number }[] };
}
interface Benched {
  warnings: string[];
  result: { clock: string; rows: { kernel: string; m: number; medianMs: number }[] };
}

let env: Record<string, string>;

beforeAll(() => {
  env = metalEnvironment();
});

const json = (run: CliRun): unknown => {
  expect(run.stderr).toBe('');
  return JSON.parse(run.stdout) as unknown;
};

/** Doctor's lines about metal, on an emulated machine of another kind. */
async function examine(machine: Record<string, string>): Promise<{ checks: Check[]; verdict: Check | undefined }> {
  const run = await runCli(['doctor', '--json'], { env: { ...metalEnvironment(), ...machine } });
  const { checks } = (json(run) as Doctor).result;
  return { checks, verdict: checks.find(({ name }) => name === 'backend metal') };
}

describe('cider doctor', () => {
  it('prints what an M5 answers, and exits 0 when metal was asked for', async () => {
    const run = await runCli(['doctor', '--backend', 'metal'], { env });
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(/^ok {4}backend metal +fragments; also tensors, plain/m);
    for (const line of run.stdout.trimEnd().split('\n')) expect(line).toMatch(/^(ok {2}|warn) {2}\S/);
  });

  it('moves to memory tensors where the layout is another one', async () => {
    const { checks, verdict } = await examine({ CIDER_EMULATOR_LAYOUT: '11' });
    expect(verdict).toMatchObject({ status: 'ok' });
    expect(verdict?.detail).toMatch(/^tensors; also plain/);
    expect(checks.some(({ status, name }) => status === 'warn' && name.includes('layout'))).toBe(true);
  });

  it('is plain on a GPU without int8 units', async () => {
    const { verdict } = await examine({ CIDER_EMULATOR_GPU: 'm4' });
    expect(verdict).toMatchObject({ status: 'ok' });
    expect(verdict?.detail).toMatch(/^plain; .*the cpu backend may be faster/);
  });

  it('names the file with the words of a compiler that refused a library, and does without it', async () => {
    const { checks, verdict } = await examine({ CIDER_EMULATOR_FAIL: 'compile:integer-gemm-fragments.metal' });
    expect(verdict?.detail).toMatch(/^tensors; also plain/);
    const refused = checks.find(({ status, detail }) => status === 'warn' && detail.includes('.log'));
    const [file] = /\/\S+\.log/.exec(refused?.detail ?? '') ?? [''];
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, 'utf8')).not.toBe('');
  });

  it('exits 6 where the runtime is not there', async () => {
    const run = await runCli(['doctor', '--backend', 'metal', '--json'], {
      env: { ...env, CIDER_METAL_RUNTIME: '/nowhere/libmetal.so' },
    });
    expect(run.exitCode).toBe(6);
    expect(run.stdout).toContain('/nowhere/libmetal.so');
  });
});

describe('cider verify-bitexact', () => {
  it('finds the bits of the reference by each way to multiply', async () => {
    const args = ['verify-bitexact', '--backend', 'metal', '--suite', 'random', '--count', '12', '--json'];
    const { result } = json(await runCli(args, { env })) as Verified;
    expect(result.backends.map(({ isa }) => isa)).toEqual(['fragments', 'tensors', 'plain']);
    for (const row of result.backends) {
      expect(row).toMatchObject({ backend: 'metal', threads: [1], cases: 12, mismatches: 0, skipped: 0 });
    }
    expect(result.trials.metal.length).toBeGreaterThan(0);
  });
});

describe('cider eval-ppl', () => {
  it('measures what the cpu backend measures, but for roundings between layers', async () => {
    const args = ['eval-ppl', '--ctx', '48', '--samples', '1', '--configs', 'fp16,w8a8,w4a8', '--json'];
    const [metal, cpu] = [
      json(await runCli([...args, '--backend', 'metal'], { env })) as Evaluated,
      json(await runCli([...args, '--backend', 'cpu'])) as Evaluated,
    ];
    expect(metal.env).toMatchObject({ backend: 'metal', isa: 'fragments' });
    const ratios = metal.result.rows.map(({ perplexity }, i) => perplexity / cpu.result.rows[i].perplexity);
    // Float layers differ by roundings of f32 sums. Integer layers have the same bits, but a norm's last bit may turn a
    // code of an activation into the next, which is a step of 1/127 of a row's largest value.
    expect(Math.abs(ratios[0] - 1)).toBeLessThan(1e-5);
    for (const ratio of ratios) expect(Math.abs(ratio - 1)).toBeLessThan(1e-2);
  });
});

describe('cider bench', () => {
  it('times by the clock of the GPU', async () => {
    const args = [
      'bench',
      '--shape',
      '48x96',
      '-m',
      '1,33',
      '-r',
      '1',
      '--warmup',
      '1',
      '--backend',
      'metal',
      '--json',
    ];
    const { warnings, result } = json(await runCli(args, { env })) as Benched;
    const { clock, rows } = result;
    expect(warnings.at(-1)).toBe('metal ran over CIDER_METAL_RUNTIME: these times say nothing about a GPU');
    expect(clock).toBe('device');
    for (const { medianMs } of rows) expect(medianMs).toBeGreaterThan(0);
  });
});

describe('cider generate', () => {
  it('writes the text of the cpu backend', async () => {
    const args = [
      'generate',
      packagePath('fixtures/tiny-qwen3'),
      '--prompt',
      'Once',
      '--max-tokens',
      '6',
      '--temp',
      '0',
    ];
    const [metal, cpu] = [
      await runCli([...args, '--backend', 'metal'], { env }),
      await runCli([...args, '--backend', 'cpu']),
    ];
    expect(metal.exitCode).toBe(0);
    expect(metal.stdout).toBe(cpu.stdout);
  });
});
