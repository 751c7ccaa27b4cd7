import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evalPpl, evaluated, model, short, text } from '../testing/eval-ppl.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';

const args = [model, '--data', text, ...short, '--backend', 'reference'];
const compared = [...args, '--configs', 'fp16,w4a16,w8a8'];

describe('cider eval-ppl --max-increase', () => {
  it('exits 7 with the result and the row that changed most', async () => {
    const run = await evalPpl([...compared, '--max-increase', '0%', '--json']);
    expect(run).toMatchObject({ exitCode: 7, stderr: '' });
    const { ok, result, error } = evaluated(run);
    expect(ok).toBe(false);
    const worst = Math.max(...result.rows.map(({ deltaPercent }) => deltaPercent));
    const { config } = result.rows.find(({ deltaPercent }) => deltaPercent === worst) ?? {};
    expect(error).toMatchObject({
      code: 'E_PERPLEXITY_INCREASE',
      details: { config, against: 'fp16', value: worst, limit: 0 },
    });
  });

  it('says so after the table', async () => {
    const run = await evalPpl([...compared, '--max-increase', '0.0%']);
    expect(run.exitCode).toBe(7);
    expect(run.stdout.split('\n')).toHaveLength(9);
    expect(run.stderr).toMatch(
      /^error: (w4a16|w8a8): the perplexity changed by \+[\d.]+ % against fp16, over the limit of 0 %\n$/,
    );
  });

  it('is content below the limit', async () => {
    expect(await evalPpl([...compared, '--max-increase', '1000 %'])).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe('cider eval-ppl --save and --baseline', () => {
  it('compares runs as rows of one run are compared', async () => {
    const file = join(temporaryFolder(), 'fp16.json');
    const saved = await evalPpl([...args, '--configs', 'fp16', '--save', file]);
    expect(saved).toMatchObject({ exitCode: 0, stderr: '' });
    const together = evaluated(await evalPpl([...args, '--configs', 'fp16,w8a8', '--json'])).result;
    const apart = evaluated(await evalPpl([...args, '--configs', 'w8a8', '--baseline', file, '--json'])).result;
    const [, { deltaPercent, comparison }] = together.rows;
    expect(apart.baseline).toEqual({
      file,
      model,
      config: 'fp16',
      rows: [{ config: 'w8a8', windows: 2, deltaPercent, ...comparison }],
    });
  });

  it('prints a table and holds the limit against the baseline', async () => {
    const file = join(temporaryFolder(), 'w4a8.json');
    await evalPpl([...args, '--configs', 'w4a8', '--save', file]);
    const run = await evalPpl([...args, '--configs', 'fp16', '--baseline', file, '--max-increase', '0%']);
    expect([0, 7]).toContain(run.exitCode);
    const lines = run.stdout.trimEnd().split('\n').slice(6);
    expect(lines[1]).toBe(`against w4a8 of ${model} (${file})`);
    expect(lines[3]).toMatch(/^config +windows +change +ln\(ppl ratio\)$/);
    expect(lines[4]).toMatch(/^fp16 +2 +[+-][\d.]+ % +-?[\d.]+ ± [\d.]+$/);
    expect(run.exitCode).toBe(lines[4].includes('+') ? 7 : 0);
  });

  it.each([
    [['--ctx', '16'], 'ctx'],
    [['--samples', '1'], 'windows'],
    [['--protocol', 'llama.cpp'], 'name'],
  ])('refuses a baseline under another protocol: %j', async (changed, member) => {
    const file = join(temporaryFolder(), 'fp16.json');
    await evalPpl([...args, '--configs', 'fp16', '--save', file]);
    const run = await evalPpl([...args, '--configs', 'fp16', ...changed, '--baseline', file, '--json']);
    expect(run.exitCode).toBe(3);
    expect(evaluated(run).error).toMatchObject({ code: 'E_BASELINE_MISMATCH', details: { member } });
  });

  it('refuses a baseline that is none, before it computes anything', async () => {
    const file = join(temporaryFolder(), 'other.json');
    writeFileSync(file, '{"schema": "other"}');
    expect((await evalPpl([...args, '--baseline', file])).exitCode).toBe(3);
    expect((await evalPpl([...args, '--baseline', `${file}.none`])).exitCode).toBe(4);
  });
});

describe('cider eval-ppl --plot', () => {
  it('draws what it printed', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'plot.svg');
    const run = await evalPpl([...compared, '--plot', file, '--json']);
    expect(run.exitCode).toBe(0);
    expect(readdirSync(folder)).toEqual(['plot.svg']);
    const svg = readFileSync(file, 'utf8');
    for (const { config, perplexity } of evaluated(run).result.rows) {
      expect(svg).toContain(`${config}: perplexity ${perplexity.toFixed(4)} ±`);
    }
    expect(svg).toContain('heldout.txt; gptq, ctx 32: 2 windows');
  });

  it('replaces only what cider wrote, and only on request', async () => {
    const folder = temporaryFolder();
    const [plot, save] = [join(folder, 'plot.svg'), join(folder, 'saved.json')];
    const tiny = [...args, '--configs', 'fp16', '--samples', '1'];
    const files = ['--plot', plot, '--save', save];
    expect((await evalPpl([...tiny, ...files])).exitCode).toBe(0);
    const again = await evalPpl([...tiny, ...files, '--json']);
    expect(again.exitCode).toBe(2);
    expect(evaluated(again).error).toMatchObject({ code: 'E_OUTPUT_EXISTS', details: { file: save } });
    expect((await evalPpl([...tiny, ...files, '--overwrite'])).exitCode).toBe(0);
    writeFileSync(plot, '<svg xmlns="http://www.w3.org/2000/svg"/>');
    expect((await evalPpl([...tiny, '--plot', plot, '--overwrite'])).exitCode).toBe(2);
    expect(readFileSync(plot, 'utf8')).toBe('<svg xmlns="http://www.w3.org/2000/svg"/>');
  });

  it('sees before the work that a file cannot be written', async () => {
    const run = await evalPpl([...args, '--plot', '/no/such/folder/plot.svg', '--json']);
    expect(run.exitCode).toBe(2);
    expect(evaluated(run).error).toMatchObject({ code: 'E_NO_PARENT_FOLDER' });
    expect(existsSync('/no')).toBe(false);
  });
});
