import { describe, expect, it } from 'vitest';
import { runCli } from '../testing/run-cli.ts';
import { packagePath } from './package-path.ts';

interface Benched {
  ok: boolean;
  env: { backend: string; isa: string; cpu: string };
  result: {
    peak: object | null;
    threads: number;
    decode: string;
    clock: string;
    rows: { n: number; k: number; m: number; kernel: string; medianMs: number; samplesNs: number[] }[];
  };
}

interface BenchedModel {
  result: {
    decode: string;
    rows: { config: string; phase: string; tokens: number; tokensPerSecond: number; samplesNs: number[] }[];
  };
}

const model = packagePath('fixtures/tiny-qwen3');
const reference = ['--backend', 'reference', '-r', '2', '--warmup', '0'];
const shapes = ['--shape', '24x40,8x33', '-m', '1,3', '--gs', '32', ...reference];

describe('cider bench', () => {
  it('prints tables for each shape on stdout, and the protocol on stderr', async () => {
    const run = await runCli(['bench', ...shapes]);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toMatch(
      /^N x K = 24 x 40, milliseconds\nM +w8a8 +w8a8-g32 +w4a8-g32 +w8a16 +w4a16 +bf16 +f32\n1 +[\d.e-]+/,
    );
    expect(run.stdout).toContain('\nN x K = 8 x 33, milliseconds\n');
    expect(run.stderr).toContain('reference typescript, threads: 1; medians of 2 after 0; weights cold');
  });

  it('keeps every sample, the instruction set and the CPU in JSON', async () => {
    for (const flag of [['--json'], ['--format', 'json']]) {
      const run = await runCli(['bench', ...shapes, ...flag]);
      expect(run).toMatchObject({ exitCode: 0, stderr: '' });
      const { ok, env, result } = JSON.parse(run.stdout) as Benched;
      const { threads, peak, decode, clock } = result;
      expect({ ok, threads, peak, decode, clock }).toEqual({
        ok: true,
        threads: 1,
        peak: null,
        decode: 'w8a16',
        clock: 'host',
      });
      expect(env).toMatchObject({ backend: 'reference', isa: 'typescript' });
      expect(env.cpu).not.toBe('');
      expect(result.rows).toHaveLength(2 * 2 * 7);
      expect(result.rows[1]).toMatchObject({ n: 24, k: 40, m: 3, kernel: 'w8a8' });
      for (const row of result.rows) expect(row.samplesNs).toHaveLength(2);
    }
  });

  it('writes CSV with a line a measurement', async () => {
    const run = await runCli(['bench', ...shapes, '--format', 'csv', '--quiet']);
    const lines = run.stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(1 + 2 * 2 * 7);
    for (const line of lines) expect(line.split(',')).toHaveLength(9);
  });

  it('has no grouped columns with --gs 0', async () => {
    const run = await runCli(['bench', '--shape', '8x8', '-m', '2', '--gs', '0', '--format', 'md', ...reference]);
    expect(run.stdout).toContain('| M | w8a8 | w4a8 | w8a16 | w4a16 | bf16 | f32 |');
  });

  it('times prefill and decode of a model', async () => {
    const args = ['bench', model, '--configs', 'fp16,w8a8', '--tokens', '4,9', '--decode', 'w8a8', ...reference];
    const run = await runCli([...args, '--json']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const { decode, rows } = (JSON.parse(run.stdout) as BenchedModel).result;
    expect(decode).toBe('w8a8');
    expect(rows.map(({ config, phase, tokens }) => `${config} ${phase} ${tokens}`)).toEqual(
      ['fp16', 'w8a8'].flatMap((name) => [4, 9].flatMap((n) => [`${name} prefill ${n}`, `${name} decode ${n}`])),
    );
    expect(rows[0].samplesNs).toHaveLength(2);
    expect(rows[1].samplesNs).toHaveLength(32);
    const sorted = [...rows[0].samplesNs].sort((a, b) => a - b);
    expect(rows[0].tokensPerSecond).toBeCloseTo((4 * 1e9) / ((sorted[0] + sorted[1]) / 2), 6);
    const table = await runCli(args);
    expect(table.stdout).toMatch(/^tokens\/s +prefill 4 +prefill 9 +decode 4 +decode 9\nfp16 +[\d.]+ /);
  });

  it('leaves prompts out that the model has no room for, unless they were asked for', async () => {
    const run = await runCli(['bench', model, '--configs', 'fp16', '--tokens', '4,100000', ...reference]);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toMatch(/--tokens 4,100000: 100000 tokens and 32 more are too many for the \d+ positions/);
  });

  it.each([
    [['bench', '--shape', '10x'], /N x K such as 10240x2560/],
    [['bench', '--shape', '8x131072'], /from 1 to 131071/],
    [['bench', '-m', '0'], /-m <list>/],
    [['bench', '--format', 'xml'], /table, md, csv, json/],
    [['bench', '--decode', 'w4a8'], /w8a16, w8a8/],
    [['bench', '--tokens', '8'], /--tokens needs a model/],
    [['bench', model, '--shape', '8x8'], /--shape does not go with a model/],
    [['bench', model, '-m', '8'], /-m does not go with a model/],
    [['bench', model, '--configs', 'w9a9'], /unknown configuration "w9a9"/],
  ])('refuses %j', async (args, message) => {
    const run = await runCli(args);
    expect(run.stderr).toMatch(message);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
  });
});
