import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { evalPpl, evaluated, model, text } from '../testing/eval-ppl.ts';
import { runCli, type CliRun } from '../testing/run-cli.ts';
import { tinyConfig, writeTinyCheckpoint } from '../testing/tiny-checkpoint.ts';

interface Failed {
  ok: boolean;
  error: { code: string; exit: number; message: string; hint: string; details: Record<string, unknown> };
}

const folder = mkdtempSync(join(os.tmpdir(), 'cider-'));
const calibration = ['--data', text, '--samples', '10', '--seq-len', '256'];
/** Where it does not matter how good the result is. */
const little = ['--data', text, '--samples', '3', '--seq-len', '32'];
const smoothquant = (args: readonly string[]): Promise<CliRun> => runCli(['smoothquant', '--no-progress', ...args]);

afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function failureOf(args: readonly string[]): Promise<Failed['error']> {
  const run = await smoothquant([...args, '-o', join(folder, 'never'), '--json']);
  expect(existsSync(join(folder, 'never'))).toBe(false);
  const { ok, error } = JSON.parse(run.stdout) as Failed;
  expect(ok).toBe(false);
  expect(run.exitCode).toBe(error.exit);
  return error;
}

describe('cider smoothquant', () => {
  it('writes a float checkpoint with the perplexity of the original, of which W8A8 loses far less', async () => {
    const smooth = join(folder, 'smooth');
    const run = await smoothquant([model, '-o', smooth, ...calibration]);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(/smooth: float, 6 files\n0 tensors quantized, 35 copied; 3\.12 MB → 3\.12 MB\n$/);

    const options = ['--data', text, '--ctx', '256', '--configs', 'fp16,w8a8'];
    const [[float, plain], [smoothFloat, smoothed]] = await Promise.all(
      [model, smooth].map(async (each) => evaluated(await evalPpl([each, ...options, '--json'])).result.rows),
    );
    // Weights are stored as BF16 in both.
    expect(Math.abs(Math.log(smoothFloat.perplexity / float.perplexity))).toBeLessThan(5e-4);
    const lost = (perplexity: number): number => Math.log(perplexity / float.perplexity);
    expect(lost(plain.perplexity)).toBeGreaterThan(0.02);
    expect(1 - lost(smoothed.perplexity) / lost(plain.perplexity)).toBeGreaterThan(0.9);
  });

  it('quantizes in the same run', async () => {
    const [one, two] = ['one', 'two'].map((name) => join(folder, name));
    const options = [...little, '--mode', 'w8a8', '--clip', 'percentile=99.9', '--alpha', '0.7'];
    const run = await smoothquant([model, '-o', one, ...options]);
    expect(run.stdout).toMatch(/one: w8a8, per channel, 6 files\n21 tensors quantized, 14 copied;/);
    // What convert calls the same.
    await runCli(['convert', model, '-o', two, '--smooth', ...options]);
    for (const name of readdirSync(one)) expect(readFileSync(join(one, name))).toEqual(readFileSync(join(two, name)));
  });

  it('gives the same bytes from saved statistics, on any backend and any number of threads', async () => {
    const stats = join(folder, 'stats.safetensors');
    const outputs = ['direct', 'saved', 'reference'].map((name) => join(folder, name));
    await smoothquant([model, '-o', outputs[0], ...little, '--save-stats', stats]);
    await smoothquant([model, '-o', outputs[1], '--stats', stats, '-t', '1']);
    await smoothquant([model, '-o', outputs[2], '--stats', stats, '--backend', 'reference']);
    const [direct, saved, reference] = outputs.map((path) => readFileSync(join(path, 'model.safetensors')));
    expect(saved.equals(direct)).toBe(true);
    expect(reference.equals(direct)).toBe(true);
  });

  it('says what it would take', async () => {
    const run = await smoothquant([model, '-o', join(folder, 'never'), '--dry-run']);
    expect(run.stdout).toMatch(/\nabout [\w.]+( [\w.]+)* on this machine .*, [\d.]+ MB of memory\n$/);
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });

  it('refuses an α outside 0 to 1', async () => {
    expect(await failureOf([model, '--alpha', '1.5'])).toMatchObject({
      exit: 2,
      message: expect.stringContaining('It must be a number from 0 to 1, or auto.') as string,
    });
  });

  it('refuses a text that is too short, and says how much there is', async () => {
    expect(await failureOf([model, '--data', text])).toMatchObject({
      code: 'E_TOO_FEW_TOKENS',
      exit: 3,
      details: { needed: 65536, found: 5301 },
    });
  });

  it('refuses sequences that are longer than the model was made for', async () => {
    expect(await failureOf([model, '--data', text, '--seq-len', '100000'])).toMatchObject({
      code: 'E_SEQUENCE_TOO_LONG',
      exit: 2,
      details: { value: 100000 },
    });
  });

  it('refuses a checkpoint that is quantized', async () => {
    const quantized = join(folder, 'quantized');
    await runCli(['convert', model, '-o', quantized]);
    expect(await failureOf([quantized, ...little])).toMatchObject({ code: 'E_ALREADY_QUANTIZED', exit: 3 });
  });

  it('refuses statistics of another model, and files that are none', async () => {
    const stats = join(folder, 'of-another.safetensors');
    const other = join(folder, 'other');
    mkdirSync(other);
    writeTinyCheckpoint(other, { ...tinyConfig, vocab_size: 1536 });
    writeFileSync(join(other, 'tokenizer.json'), readFileSync(join(model, 'tokenizer.json')));
    const run = await smoothquant([
      ...[other, '-o', join(folder, 'other-smooth'), '--save-stats', stats],
      ...['--data', text, '--samples', '4', '--seq-len', '32'],
    ]);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await failureOf([model, '--stats', stats])).toMatchObject({ exit: 3 });
    expect(await failureOf([model, '--stats', join(model, 'model.safetensors')])).toMatchObject({
      code: 'E_STATISTICS_SCHEMA',
      exit: 3,
    });
  });

  it('refuses options of a quantization that does not take place', async () => {
    expect(await failureOf([model, '--gs', '64'])).toMatchObject({
      code: 'E_UNUSED_OPTION',
      exit: 2,
      hint: 'add --mode, or leave --gs away',
    });
  });

  it('goes on where it was interrupted, and gives the bytes of an undisturbed run', async () => {
    const [undisturbed, interrupted] = ['undisturbed', 'interrupted'].map((name) => join(folder, name));
    const options = [...little, '--alpha', 'auto', '--mode', 'w4a8', '--gs', '64'];
    await smoothquant([model, '-o', undisturbed, ...options]);
    const run = await runCli(['smoothquant', model, '-o', interrupted, ...options], {
      started: (child) => {
        child.stderr?.on('data', (chunk: string) => {
          if (chunk.includes('layer 1')) child.kill('SIGINT');
        });
      },
    });
    if (run.exitCode !== 0) {
      expect(run).toMatchObject({ exitCode: 130, stdout: '' });
      expect(existsSync(interrupted)).toBe(false);
      expect(run.stderr).toContain('--resume goes on from here');
      expect(await smoothquant([model, '-o', interrupted, ...options, '--resume'])).toMatchObject({ exitCode: 0 });
    }
    for (const name of readdirSync(undisturbed)) {
      expect(readFileSync(join(interrupted, name))).toEqual(readFileSync(join(undisturbed, name)));
    }
  });
});
