import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { evalPpl, evaluated, model, text } from '../testing/eval-ppl.ts';
import { runCli, type CliRun } from '../testing/run-cli.ts';
import { tinyConfig, writeTinyCheckpoint } from '../testing/tiny-checkpoint.ts';

interface Document {
  ok: boolean;
  result: { estimate: { seconds: number; memoryBytes: number } };
  error: { code: string; exit: number; message: string; hint: string };
}

const folder = mkdtempSync(join(os.tmpdir(), 'cider-'));
const calibration = ['--data', text, '--samples', '10', '--seq-len', '256'];
/** Where it does not matter how good the result is. */
const little = ['--data', text, '--samples', '3', '--seq-len', '32'];
const convert = (args: readonly string[]): Promise<CliRun> => runCli(['convert', '--no-progress', ...args]);
const documentOf = ({ stdout }: CliRun): Document => JSON.parse(stdout) as Document;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function perplexityOf(checkpoint: string, configs: readonly string[] = []): Promise<number> {
  const run = await evalPpl([checkpoint, '--data', text, '--ctx', '256', '--json', ...configs]);
  return evaluated(run).result.rows[0].perplexity;
}

const recipeOf = (output: string): Record<string, unknown> =>
  (JSON.parse(readFileSync(join(output, 'cider.json'), 'utf8')) as { recipe: Record<string, unknown> }).recipe;

describe('cider convert with methods', () => {
  it('writes by the best recipe what loses a fraction of plain W4A8, and records the recipe', async () => {
    const [best, plain] = ['best', 'plain'].map((name) => join(folder, name));
    const scheme = ['--mode', 'w4a8', '--gs', '64'];
    expect(await convert([model, '-o', best, ...scheme, '--recipe', 'best', ...calibration])).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    await convert([model, '-o', plain, ...scheme]);
    const float = await perplexityOf(model, ['--configs', 'fp16']);
    const lost = async (checkpoint: string): Promise<number> => Math.log((await perplexityOf(checkpoint)) / float);
    expect(await lost(best)).toBeLessThan(0.25 * (await lost(plain)));
    expect(recipeOf(best)).toMatchObject({
      recipe: 'best',
      rotation: { seed: 0 },
      rounding: { kind: 'gptq', damping: 0.1 },
      calibration: { data: 'heldout.txt', samples: 10, seqLen: 256 },
    });
    // It spreads the columns of weights of 4 bits.
    expect(recipeOf(best)).not.toHaveProperty('smoothing');
  });

  it('gives the same bytes by GPTQ from saved statistics, on any backend and any number of threads', async () => {
    const stats = join(folder, 'stats.safetensors');
    const method = ['--mode', 'w4a8', '--gs', '64', '--method', 'gptq', '--clip', 'mse', '--smooth'];
    const [first, one, reference] = ['first', 'one', 'reference'].map((name) => join(folder, name));
    await convert([model, '-o', first, ...method, ...little, '--save-stats', stats]);
    await convert([model, '-o', one, ...method, '--stats', stats, '-t', '1']);
    await convert([model, '-o', reference, ...method, '--stats', stats, '--backend', 'reference']);
    const bytesOf = (output: string): Buffer => readFileSync(join(output, 'model.safetensors'));
    expect(bytesOf(reference).equals(bytesOf(one))).toBe(true);
    // With a text each layer is calibrated on what the quantized ones before it give.
    expect(bytesOf(first).equals(bytesOf(one))).toBe(false);
  });

  it('does not depend on the number of threads', async () => {
    const outputs = ['1', '2'].map((threads) => join(folder, `threads-${threads}`));
    const options = ['--recipe', 'best', ...little];
    for (const output of outputs) await convert([model, '-o', output, ...options, '-t', output.slice(-1)]);
    for (const name of readdirSync(outputs[0])) {
      expect(readFileSync(join(outputs[1], name))).toEqual(readFileSync(join(outputs[0], name)));
    }
    expect(recipeOf(outputs[0])).toMatchObject({
      rotation: { seed: 0 },
      smoothing: { alpha: 'auto' },
      rounding: { kind: 'gptq', damping: 0.01 },
    });
  });

  it('estimates time and memory before the work', async () => {
    const run = await convert([model, '-o', join(folder, 'never'), '--recipe', 'best', '--dry-run', '--json']);
    const { estimate } = documentOf(run).result;
    expect(estimate.seconds).toBeGreaterThan(0);
    expect(estimate.memoryBytes).toBeGreaterThan(1e7);
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });

  it('lets a flag go before that of the recipe', async () => {
    const output = join(folder, 'own-flag');
    await convert([model, '-o', output, '--recipe', 'default', '--alpha', '0.6', ...little]);
    expect(recipeOf(output)).toMatchObject({ smoothing: { alpha: 0.6 } });
  });

  it('calibrates on what the model writes itself, and on a text beside it', async () => {
    const output = join(folder, 'self');
    const options = ['--smooth', '--data', `self,${text}`, '--samples', '3', '--seq-len', '16', '--seed', '5'];
    expect(await convert([model, '-o', output, ...options])).toMatchObject({ exitCode: 0, stderr: '' });
    expect(recipeOf(output)).toMatchObject({ calibration: { data: 'self + heldout.txt', samples: 3, seqLen: 16 } });
  });

  it('leaves out placeholders of rare words, and says so', async () => {
    const words = readFileSync(text, 'utf8').split(' ');
    const sparse = join(folder, 'sparse.txt');
    writeFileSync(sparse, words.map((word, i) => (i % 50 === 49 ? `${word} <unk>` : word)).join(' '));
    const of = async (name: string, data: string): Promise<{ tokens: unknown; stderr: string }> => {
      const output = join(folder, name);
      const run = await convert([model, '-o', output, '--smooth', '--data', data, '--samples', '3', '--seq-len', '32']);
      expect(run.exitCode).toBe(0);
      const { tokensSha256 } = recipeOf(output)['calibration'] as { tokensSha256: string };
      return { tokens: tokensSha256, stderr: run.stderr };
    };
    const [whole, without] = [await of('of-whole', text), await of('of-sparse', sparse)];
    expect(without.tokens).toBe(whole.tokens);
    const count = Math.floor(words.length / 50).toLocaleString('en');
    expect(without.stderr).toContain(`sparse.txt: <unk> stands for a word ${count} times, and is left out`);
    expect(whole.stderr).toBe('');
  });

  it('says why Gemma is not rotated', async () => {
    const gemma = join(folder, 'gemma');
    mkdirSync(gemma);
    writeTinyCheckpoint(gemma, {
      ...tinyConfig,
      architectures: ['Gemma2ForCausalLM'],
      model_type: 'gemma2',
      hidden_activation: 'gelu_pytorch_tanh',
      query_pre_attn_scalar: 32,
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
      sliding_window: 32,
    });
    const run = await convert([gemma, '-o', join(folder, 'never'), '--rotate']);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toContain('gemma2 models cannot be rotated: post_attention_layernorm');
  });

  it.each([
    [['--alpha', '0.5'], 'add --smooth, or leave --alpha away'],
    [['--refine', '2'], 'add --method gptq, or leave --refine away'],
    [['--samples', '2'], 'add --smooth or --method gptq, or leave --samples away'],
  ])('refuses %j, which changes nothing', async (options, hint) => {
    const run = await convert([model, '-o', join(folder, 'never'), ...options, '--json']);
    expect(documentOf(run).error).toMatchObject({ code: 'E_UNUSED_OPTION', exit: 2, hint });
  });

  it('refuses saved statistics where they say too little', async () => {
    const stats = join(folder, 'maxima.safetensors');
    await convert([model, '-o', join(folder, 'maxima'), '--smooth', ...little, '--save-stats', stats]);
    const failing = async (...options: string[]): Promise<Document['error']> =>
      documentOf(await convert([model, '-o', join(folder, 'never'), '--stats', stats, ...options, '--json'])).error;
    expect(await failing('--method', 'gptq')).toMatchObject({ code: 'E_STATISTICS_LACK', exit: 2 });
    expect(await failing('--smooth', '--rotate')).toMatchObject({ code: 'E_STATISTICS_ROTATED', exit: 2 });
  });
});
