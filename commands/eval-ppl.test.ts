import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EvaluationRow } from '../eval/evaluate.ts';
import type { Protocol } from '../eval/perplexity/protocol.ts';
import { runCli } from '../testing/run-cli.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { writeTinyCheckpoint } from '../testing/tiny-checkpoint.ts';
import { packagePath } from './package-path.ts';

interface Evaluated {
  schema: string;
  ok: boolean;
  env: { backend: string; isa: string };
  result: {
    model: string;
    protocol: Protocol;
    rows: EvaluationRow[];
  };
  error?: { code: string };
}

const model = packagePath('fixtures/tiny-qwen3');
const text = packagePath('fixtures/heldout.txt');
const short = ['--ctx', '64', '--samples', '2'];

describe('cider eval-ppl', () => {
  it('evaluates the bundled model and prints protocol and table', async () => {
    const run = await runCli(['eval-ppl', '--configs', 'fp16,w8a8', ...short]);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const lines = run.stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('model     tiny-qwen3 (bundled)');
    expect(lines[1]).toMatch(/^text {6}heldout\.txt, SHA-256 [0-9a-f]{64}$/);
    expect(lines[2]).toMatch(/^protocol {2}GPTQ style: 2 windows of 64 of \d+ tokens, 63 scored in each, BOS: none$/);
    expect(lines[4]).toMatch(/^config +perplexity +change +seconds +tokens\/s +peak memory +weights$/);
    expect(lines[5]).toMatch(/^fp16 +[\d.]+ ± [\d.]+ +[\d.]+ +\d+ +[\d.]+ MB +3\.03 MB$/);
    expect(lines[6]).toMatch(/^w8a8 +[\d.]+ ± [\d.]+ +[+-][\d.]+ % +[\d.]+ +\d+ +[\d.]+ MB +1\.8\d MB$/);
  });

  it('holds everything in one JSON document', async () => {
    const args = ['eval-ppl', model, '--data', text, '--configs', 'fp16,w4a8', '--backend', 'reference', ...short];
    const run = await runCli([...args, '--json']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const { schema, ok, env, result } = JSON.parse(run.stdout) as Evaluated;
    expect({ schema, ok }).toEqual({ schema: 'cider.eval-ppl/1', ok: true });
    expect(env).toMatchObject({ backend: 'reference', isa: 'typescript' });
    expect(result.protocol).toMatchObject({ name: 'gptq', ctx: 64, windows: 2, bos: false });
    const [float, quantized] = result.rows;
    expect(float).toMatchObject({ config: 'fp16', deltaPercent: 0 });
    expect(float.perplexity).toBeGreaterThan(1);
    expect(float.standardError).toBeGreaterThan(0);
    expect(quantized.deltaPercent).toBeCloseTo(100 * (quantized.perplexity / float.perplexity - 1), 10);
    expect(quantized.modelBytes).toBeLessThan(float.modelBytes);
    for (const row of result.rows) {
      expect(row.tokensPerSecond).toBeCloseTo(128 / row.seconds, 6);
      expect(row.peakMemoryBytes).toBeGreaterThan(row.modelBytes);
    }
  });

  it('gives a converted model the perplexity of the configuration that it was converted to', async () => {
    const folder = temporaryFolder();
    for (const [configuration, options] of [
      ['w8a8', ['--mode', 'w8a8']],
      ['w8a8-g64', ['--mode', 'w8a8', '--gs', '64']],
      ['w4a8-g64', ['--mode', 'w4a8', '--gs', '64']],
    ] as const) {
      const out = join(folder, configuration);
      await runCli(['convert', model, '-o', out, ...options]);
      const rowsOf = async (args: readonly string[]): Promise<Evaluated['result']['rows']> => {
        const run = await runCli(['eval-ppl', ...args, '--data', text, ...short, '--json']);
        return (JSON.parse(run.stdout) as Evaluated).result.rows;
      };
      const [converted] = await rowsOf([out]);
      const [whileLoading] = await rowsOf([model, '--configs', configuration]);
      expect(converted.config).toBe(configuration);
      expect(converted.perplexity).toBe(whileLoading.perplexity);
      expect(converted.modelBytes).toBe(whileLoading.modelBytes);
    }
  });

  it('refuses configurations for a converted model', async () => {
    const out = join(temporaryFolder(), 'out');
    await runCli(['convert', model, '-o', out]);
    const run = await runCli(['eval-ppl', out, '--data', text, '--configs', 'fp16']);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toContain('hint: leave --configs away, or give the float checkpoint');
  });

  it('notes that a group at the end of a row is shorter', async () => {
    const run = await runCli(['eval-ppl', '--configs', 'w8a8-g128', ...short]);
    expect(run.stderr).toBe('w8a8-g128: K = 192, 448 end in a shorter group; convert needs another --gs\n');
  });

  it.each([
    [['--ctx', '100000'], 2, 'E_CTX_TOO_LARGE'],
    [['--data', '/no/such.txt'], 4, 'E_ENOENT'],
    [['--data', packagePath('package.json')], 3, 'E_DATASET_KIND'],
    [['--data', 'wikitext2'], 4, 'E_DATASET_MISSING'],
  ])('%j exits %d with %s', async (args, exitCode, code) => {
    const run = await runCli(['eval-ppl', model, '--data', text, ...args, '--json']);
    expect(run.exitCode).toBe(exitCode);
    expect((JSON.parse(run.stdout) as Evaluated).error?.code).toBe(code);
  });

  it('says how many tokens a window needs', async () => {
    const file = join(temporaryFolder(), 'short.txt');
    writeFileSync(file, 'Once upon a time.');
    const run = await runCli(['eval-ppl', model, '--data', file]);
    expect(run).toMatchObject({ exitCode: 3, stdout: '' });
    expect(run.stderr).toMatch(/^error: the text has \d+ tokens, but a window needs 512\nhint: /);
  });

  it('names a tokenizer that is not there', async () => {
    const folder = join(temporaryFolder(), 'model');
    mkdirSync(folder);
    writeTinyCheckpoint(folder);
    const run = await runCli(['eval-ppl', folder, '--data', text]);
    expect(run).toMatchObject({ exitCode: 4, stdout: '' });
    expect(run.stderr).toContain('no tokenizer.json');
  });
});
