import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evalPpl, evaluated, model, short, text } from '../testing/eval-ppl.ts';
import { runCli, type CliRun } from '../testing/run-cli.ts';
import { tinyConfig, writeTinyCheckpoint, type Edit } from '../testing/tiny-checkpoint.ts';
import type { ComparisonReport } from './compare-report.ts';

interface Document {
  schema: string;
  ok: boolean;
  warnings: string[];
  env: { backend: string | null };
  result: ComparisonReport;
  error?: { code: string; message: string; details: Record<string, unknown> };
}

const folder = mkdtempSync(join(os.tmpdir(), 'cider-'));
const [w8a8, w4a8, saved] = ['w8a8', 'w4a8', 'saved.json'].map((name) => join(folder, name));
const onText = ['--data', text, ...short];

/** Without progress, which depends on time. */
const compare = (args: readonly string[]): Promise<CliRun> => runCli(['compare', '--no-progress', ...args]);
const documentOf = ({ stdout }: CliRun): Document => JSON.parse(stdout) as Document;

/** Another model with the same tokenizer. */
function writeOther(name: string, edit?: Edit): string {
  const path = join(folder, name);
  mkdirSync(path);
  writeTinyCheckpoint(path, { ...tinyConfig, vocab_size: 1536 }, edit);
  cpSync(join(model, 'tokenizer.json'), join(path, 'tokenizer.json'));
  return path;
}

beforeAll(async () => {
  await runCli(['convert', model, '-o', w8a8]);
  await runCli(['convert', model, '-o', w4a8, '--mode', 'w4a8', '--gs', '64']);
  await runCli(['eval-ppl', model, ...onText, '--configs', 'fp16,w8a8', '--save', saved]);
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('cider compare', () => {
  it('prints tables of checkpoints and results, and draws the layers', async () => {
    const plot = join(folder, 'layers.svg');
    const run = await compare([model, w8a8, saved, ...onText, '--layer-windows', '1', '--plot', plot]);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const lines = run.stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^text {6}heldout\.txt, SHA-256 [0-9a-f]{64}$/);
    expect(lines[1]).toBe('protocol  gptq, ctx 32: 2 windows, 62 of 5301 tokens scored, BOS: none');
    expect(lines[4]).toMatch(/^tiny-qwen3 +fp16 +[\d.]+ ± [\d.]+ +- +- +3\.03 MB +\d+ +[\d.]+ MB$/);
    const change = /[+-][\d.]+ % +-?[\d.]+ ± [\d.]+/.source;
    expect(lines[5]).toMatch(new RegExp(`^w8a8 +w8a8 +[\\d.]+ ± [\\d.]+ +${change} +1\\.8\\d MB +\\d+ +[\\d.]+ MB$`));
    expect(lines[6]).toMatch(/^saved fp16 +fp16 +[\d.]+ ± [\d.]+ +[+-]0\.00 % +-?0\.00000 ± 0\.00000 +- +- +-$/);
    expect(lines[7]).toMatch(new RegExp(`^saved w8a8 +w8a8 +[\\d.]+ ± [\\d.]+ +${change} +- +- +-$`));
    expect(lines).toContain('distributions against tiny-qwen3, which is in memory beside the others; KL in nats');
    expect(lines).toContainEqual(expect.stringMatching(/^layer +w8a8 +attention +MLP$/));
    expect(lines.at(-1)).toMatch(/^w8a8: lowest in (attention|the MLP) of layer [012], [\d.]+ dB$/);
    expect(readFileSync(plot, 'utf8')).toContain('<!-- cider compare -->');
    const again = await compare([model, w8a8, ...onText, '--plot', plot]);
    expect(again).toMatchObject({ exitCode: 2, stdout: '' });
    expect(again.stderr).toContain('the output exists');
  });

  it('holds everything in one JSON document', async () => {
    const run = await compare([model, w8a8, w4a8, ...onText, '--json']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const { schema, ok, result } = documentOf(run);
    expect({ schema, ok }).toEqual({ schema: 'cider.compare/1', ok: true });
    expect(result).toMatchObject({ data: 'heldout.txt', layerWindows: 2, protocol: { name: 'gptq', windows: 2 } });
    expect(result.rows.map(({ name, config }) => [name, config])).toEqual([
      ['tiny-qwen3', 'fp16'],
      ['w8a8', 'w8a8'],
      ['w4a8', 'w4a8-g64'],
    ]);
    const [float, ...quantized] = result.rows;
    const alone = await evalPpl([model, ...onText, '--configs', 'fp16,w8a8,w4a8-g64', '--kld', '--json']);
    for (const [index, row] of evaluated(alone).result.rows.entries()) {
      const { perplexity, deltaPercent, divergence, comparison, modelBytes } = row;
      expect(result.rows[index]).toMatchObject({ perplexity, deltaPercent, modelBytes });
      expect(result.rows[index].divergence).toEqual(divergence);
      expect(result.rows[index].comparison).toEqual(comparison);
    }
    expect(float).not.toHaveProperty('layers');
    for (const { layers } of quantized) {
      expect(layers).toHaveLength(3);
      for (const { hidden, attention, mlp } of layers ?? []) {
        for (const { median } of [hidden, attention, mlp]) expect(median).toBeGreaterThan(0);
      }
    }
  });

  it('compares results alone, without a backend, and exits 7 over the limit', async () => {
    const other = join(folder, 'other.json');
    await evalPpl([w4a8, ...onText, '--save', other]);
    const run = await compare([saved, other, '--max-increase', '0%', '--json']);
    expect(run).toMatchObject({ exitCode: 7, stderr: '' });
    const { env, result, error } = documentOf(run);
    expect(env.backend).toBeNull();
    expect(result).toMatchObject({ data: 'heldout.txt', layerWindows: 0 });
    expect(result.rows.map(({ name }) => name)).toEqual(['saved fp16', 'saved w8a8', 'other']);
    const [float, , last] = result.rows;
    expect(last.comparison?.logRatio).toBeCloseTo(Math.log(last.perplexity / float.perplexity), 9);
    expect(error).toMatchObject({ code: 'E_PERPLEXITY_INCREASE', details: { against: 'saved fp16' } });
  });

  it('leaves layers out where it is asked to', async () => {
    const run = await compare([model, w8a8, ...onText, '--layer-windows', '0', '--json']);
    expect(documentOf(run).result.rows[1]).not.toHaveProperty('layers');
  });

  it('says so where the embeddings differ, and draws nothing', async () => {
    const other = writeOther('other');
    const negated = writeOther('negated', (name, values) => {
      if (name === 'model.embed_tokens.weight') for (let i = 0; i < values.length; i++) values[i] ^= 0x8000;
    });
    const plot = join(folder, 'none.svg');
    const run = await compare([other, negated, ...onText, '--plot', plot]);
    expect(run).toMatchObject({
      exitCode: 0,
      stderr:
        'warning: negated: no errors by layer, as its embeddings are not those of other\n' +
        `warning: ${plot}: not written, as there are no errors by layer to draw\n`,
    });
    expect(run.stdout).not.toContain('residual stream');
    expect(existsSync(plot)).toBe(false);
  });

  it.each<[string, () => string[], number, string]>([
    ['one checkpoint', () => [model], 2, 'E_NOTHING_TO_COMPARE'],
    ['none', () => [], 2, 'E_USAGE'],
    ['a folder that is not there', () => [model, join(folder, 'none')], 4, 'E_MODEL_NOT_FOUND'],
    ['a results file that is not there', () => [model, join(folder, 'none.json')], 4, 'E_ENOENT'],
    ['a file that is no result', () => [model, text], 3, 'E_JSON_SYNTAX'],
    ['JSON that is no result', () => [model, join(model, 'tokenizer_config.json')], 3, 'E_CONFIG_FIELD'],
    ['options of a run for results', () => [saved, saved, '--samples', '1'], 2, 'E_NOTHING_TO_RUN'],
    ['a plot of results', () => [saved, model, '--plot', join(folder, 'none.svg')], 2, 'E_NOTHING_TO_DRAW'],
    ['a plot in a folder that is not there', () => [model, w8a8, '--plot', '/no/such/a.svg'], 2, 'E_NO_PARENT_FOLDER'],
    ['results of other windows', () => [model, saved, '--data', text, '--ctx', '16'], 3, 'E_BASELINE_MISMATCH'],
    ['too long a context', () => [model, w8a8, '--data', text, '--ctx', '513'], 2, 'E_CTX_TOO_LARGE'],
  ])('refuses %s', async (_, args, exitCode, code) => {
    const run = await compare([...args(), '--json']);
    expect(run.exitCode).toBe(exitCode);
    expect(documentOf(run).error?.code).toBe(code);
    expect(existsSync(join(folder, 'none.svg'))).toBe(false);
  });

  it('refuses models that are not of one kind, naming both values', async () => {
    const other = writeOther('shallow');
    const run = await compare([model, other, ...onText]);
    expect(run).toMatchObject({ exitCode: 3, stdout: '' });
    expect(run.stderr).toContain('error: shallow has another num_hidden_layers than tiny-qwen3: 2 instead of 3\n');
  });
});
