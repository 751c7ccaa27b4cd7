import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EvaluationRow } from '../eval/evaluation-row.ts';
import { evalPpl, evaluated, model, short, text } from '../testing/eval-ppl.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { writeTinyCheckpoint } from '../testing/tiny-checkpoint.ts';
import { runCli } from '../testing/run-cli.ts';
import { packagePath } from './package-path.ts';

describe('cider eval-ppl', () => {
  it('evaluates the bundled model and prints protocol and table', async () => {
    const run = await evalPpl(['--configs', 'fp16,w8a8', ...short, '--backend', 'reference']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const lines = run.stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('model     tiny-qwen3 (bundled)');
    expect(lines[1]).toMatch(/^text {6}heldout\.txt, SHA-256 [0-9a-f]{64}$/);
    expect(lines[2]).toBe('protocol  gptq, ctx 32: 2 windows, 62 of 5301 tokens scored, BOS: none');
    expect(lines[4]).toMatch(/^config +perplexity +change +prefill s +tokens\/s +peak memory +weights$/);
    expect(lines[5]).toMatch(/^fp16 +[\d.]+ ± [\d.]+ +[\d.]+ +\d+ +[\d.]+ MB +3\.03 MB$/);
    expect(lines[6]).toMatch(/^w8a8 +[\d.]+ ± [\d.]+ +[+-][\d.]+ % +[\d.]+ +\d+ +[\d.]+ MB +1\.8\d MB$/);
  });

  it('holds everything in one JSON document', async () => {
    const run = await evalPpl([
      model,
      '--data',
      text,
      '--configs',
      'fp16,w4a8',
      '--backend',
      'reference',
      ...short,
      '--json',
    ]);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const { schema, ok, env, result } = evaluated(run);
    expect({ schema, ok }).toEqual({ schema: 'cider.eval-ppl/1', ok: true });
    expect(env).toMatchObject({ backend: 'reference', isa: 'typescript' });
    expect(result).toMatchObject({ model, data: 'heldout.txt' });
    expect(result.protocol).toMatchObject({ name: 'gptq', ctx: 32, windows: 2, tokens: 5301, scored: 62, bos: false });
    const [float, quantized] = result.rows;
    expect(float).toMatchObject({ config: 'fp16', windows: 2, deltaPercent: 0 });
    expect(float.perplexity).toBeGreaterThan(1);
    expect(float.standardError).toBeGreaterThan(0);
    expect(quantized.deltaPercent).toBeCloseTo(100 * (quantized.perplexity / float.perplexity - 1), 8);
    expect(quantized.modelBytes).toBeLessThan(float.modelBytes);
    for (const row of result.rows) {
      expect(row.tokensPerSecond).toBeCloseTo(62 / row.seconds, 6);
      expect(row.peakMemoryBytes).toBeGreaterThan(row.modelBytes);
    }
  });

  it('evaluates each configuration once, in every mode of decoding', async () => {
    const run = await evalPpl(['--configs', 'fp16,w8a8,w4a16,w8a8', '--decode', 'w8a8,w8a16', ...short, '--json']);
    const { rows } = evaluated(run).result;
    expect(rows.map(({ config }) => config)).toEqual(['fp16', 'w8a8', 'w8a8-decode', 'w4a16']);
    expect(rows[2].modelBytes).toBe(rows[1].modelBytes);
    // Float activations lose nothing of what activations of 8 bits lose.
    expect(Math.abs(rows[2].deltaPercent)).toBeLessThan(Math.abs(rows[1].deltaPercent));
  });

  it('knows all configurations', async () => {
    const run = await evalPpl(['--configs', 'all', '--ctx', '8', '--samples', '1', '--json']);
    expect(evaluated(run).result.rows.map(({ config }) => config)).toEqual([
      'fp16',
      'w8a16',
      'w8a8',
      'w8a8-g32',
      'w8a8-g64',
      'w8a8-g128',
      'w8a8-g256',
      'w4a16',
      'w4a8',
      'w4a8-g32',
      'w4a8-g64',
      'w4a8-g128',
      'w4a8-g256',
    ]);
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
      const rowsOf = async (args: readonly string[]): Promise<readonly EvaluationRow[]> => {
        const run = await evalPpl([...args, '--data', text, '--decode', 'w8a8,w8a16', ...short, '--json']);
        return evaluated(run).result.rows;
      };
      const converted = await rowsOf([out]);
      const whileLoading = await rowsOf([model, '--configs', configuration]);
      expect(converted.map(({ config }) => config)).toEqual([configuration, `${configuration}-decode`]);
      for (const [index, { perplexity, modelBytes }] of whileLoading.entries()) {
        expect(converted[index]).toMatchObject({ perplexity, modelBytes });
      }
    }
  });

  it('refuses configurations for a converted model', async () => {
    const out = join(temporaryFolder(), 'out');
    await runCli(['convert', model, '-o', out]);
    const run = await evalPpl([out, '--data', text, '--configs', 'fp16']);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toContain('hint: leave --configs away, or give the float checkpoint');
  });

  it('notes that a group at the end of a row is shorter', async () => {
    const run = await evalPpl(['--configs', 'w8a8-g128', ...short, '--backend', 'reference']);
    expect(run.stderr).toBe('w8a8-g128: K = 192, 448 end in a shorter group; convert needs another --gs\n');
  });

  it.each([
    [['--ctx', '100000'], 2, 'E_CTX_TOO_LARGE'],
    [['--ctx', '1'], 2, 'E_USAGE'],
    [['--ctx', '2', '--protocol', 'llama.cpp'], 2, 'E_CTX_TOO_SMALL'],
    [['--stride', '8'], 2, 'E_STRIDE'],
    [['--protocol', 'stride', '--ctx', '64', '--stride', '65'], 2, 'E_STRIDE'],
    [['--protocol', 'ptb'], 2, 'E_USAGE'],
    [['--configs', 'fp16,w3a8'], 2, 'E_CONFIGURATION'],
    [['--decode', 'w4a4'], 2, 'E_USAGE'],
    [['--max-increase', '0.005'], 2, 'E_USAGE'],
    [['--max-increase', '-1%'], 2, 'E_USAGE'],
    [['--max-increase', '1%', '--configs', 'fp16'], 2, 'E_NOTHING_TO_COMPARE'],
    [['--kld', '--configs', 'w8a8'], 2, 'E_NOTHING_TO_COMPARE'],
    [['--data', '/no/such.txt'], 4, 'E_ENOENT'],
    [['--data', packagePath('package.json')], 3, 'E_DATASET_KIND'],
  ])('%j exits %d with %s', async (args, exitCode, code) => {
    const run = await evalPpl([model, '--data', text, ...args, '--json']);
    expect(run.exitCode).toBe(exitCode);
    expect(evaluated(run).error?.code).toBe(code);
  });

  it.each([
    ['', 'E_DATASET_EMPTY'],
    ['\n \n', 'E_DATASET_EMPTY'],
    ['Once upon a time.\n', 'E_TOO_FEW_TOKENS'],
    [Buffer.from([0x66, 0xff, 0xfe]), 'E_DATASET_ENCODING'],
  ])('refuses the text %j with %s', async (content, code) => {
    const file = join(temporaryFolder(), 'data.txt');
    writeFileSync(file, content);
    const run = await evalPpl([model, '--data', file, '--json']);
    expect(run.exitCode).toBe(3);
    expect(evaluated(run).error?.code).toBe(code);
  });

  it('says how many tokens a window needs', async () => {
    const file = join(temporaryFolder(), 'short.txt');
    writeFileSync(file, 'Once upon a time.');
    const run = await evalPpl([model, '--data', file, '--backend', 'reference']);
    expect(run).toMatchObject({ exitCode: 3, stdout: '' });
    expect(run.stderr).toMatch(/^error: the text has \d+ tokens, but a window needs 512\nhint: /);
  });

  it('names a tokenizer that is not there', async () => {
    const folder = join(temporaryFolder(), 'model');
    mkdirSync(folder);
    writeTinyCheckpoint(folder);
    const run = await evalPpl([folder, '--data', text]);
    expect(run).toMatchObject({ exitCode: 4, stdout: '' });
    expect(run.stderr).toContain('no tokenizer.json');
  });
});
