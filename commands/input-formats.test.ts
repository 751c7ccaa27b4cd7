import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelTensors } from '../quant/checkpoint/architecture.ts';
import { openModel } from '../quant/checkpoint/open-model.ts';
import { runCli, type CliRun } from '../testing/run-cli.ts';
import { buildGguf, withKeys, type GgufKey } from '../testing/tiny-gguf.ts';
import { packagePath } from './package-path.ts';

// What commands make of models that are quantized already, or no safetensors.

interface Document {
  warnings: string[];
  result: {
    rows: { config: string; perplexity: number; modelBytes: number; deltaPercent: number }[];
    tensors: { quantized: number; dequantized?: number; copied: number };
    text: string;
    config: string;
  };
  error?: { code: string; exit: number; hint: string };
}

const documentOf = ({ stdout }: CliRun): Document => JSON.parse(stdout) as Document;

const bundled = packagePath('fixtures/tiny-qwen3');
const gguf = packagePath('fixtures/gguf/llama.gguf');
const folder = mkdtempSync(join(tmpdir(), 'cider-formats-'));
const [w4a16, w8a8, text] = ['w4a16', 'w8a8', 'text.txt'].map((name) => join(folder, name));
const evaluation = ['--data', text, '--ctx', '32', '--samples', '2', '--json'];

beforeAll(async () => {
  writeFileSync(text, readFileSync(packagePath('fixtures/heldout.txt'), 'utf8').slice(0, 2000));
  await Promise.all([
    runCli(['convert', bundled, '-o', w4a16, '--mode', 'w4a16', '--gs', '32']),
    runCli(['convert', bundled, '-o', w8a8]),
  ]);
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** That a float checkpoint holds what a model stands for, in the dtypes that it is written in. */
function expectDequantized(output: string, source: string): void {
  const [found, expected] = [openModel(output), openModel(source)];
  try {
    expect(found.scheme).toBeUndefined();
    for (const { name } of modelTensors(expected.config)) {
      const [tensor, original] = [found.tensors.get(name), expected.tensors.get(name)];
      expect(tensor?.dtype).toBe(original?.dtype);
      const [values, exact] = [tensor?.readFloats(), original?.readFloats()];
      // F32 has them exactly; F16 and BF16 round once.
      const ulp = { F32: 0, F16: 2 ** -11, BF16: 2 ** -8 }[original?.dtype ?? 'F32'];
      const wrong = exact?.findIndex((value, i) => !(Math.abs((values?.[i] ?? NaN) - value) <= Math.abs(value) * ulp));
      expect(wrong, name).toBe(-1);
    }
  } finally {
    found.close();
    expected.close();
  }
}

describe('cider convert of a quantized model', () => {
  it('refuses it, and says what would not be refused', async () => {
    const out = join(folder, 'refused');
    const run = await runCli(['convert', w4a16, '-o', out, '--json']);
    expect(run.exitCode).toBe(3);
    const { error } = documentOf(run);
    expect(error).toMatchObject({ code: 'E_ALREADY_QUANTIZED', exit: 3 });
    expect(error?.hint).toMatch(/--mode float .* --allow-requantize/);
    expect(readdirSync(folder)).not.toContain('refused');
  });

  it('dequantizes it into a float checkpoint with its side files', async () => {
    const out = join(folder, 'float');
    const run = await runCli(['convert', w4a16, '-o', out, '--mode', 'float', '--json']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(documentOf(run).result.tensors).toEqual({ quantized: 0, dequantized: 21, copied: 14 });
    expectDequantized(out, w4a16);
    const config = readFileSync(join(out, 'config.json'), 'utf8');
    expect(config.trim()).toBe(readFileSync(join(bundled, 'config.json'), 'utf8').trim());
    expect(readFileSync(join(out, 'tokenizer.json'))).toEqual(readFileSync(join(bundled, 'tokenizer.json')));
    // F32 products of codes and scales are what the quantized model computes with.
    const [float, quantized] = await Promise.all([
      runCli(['eval-ppl', out, '--configs', 'fp16', ...evaluation]),
      runCli(['eval-ppl', w4a16, ...evaluation]),
    ]);
    const [{ perplexity }] = documentOf(quantized).result.rows;
    expect(documentOf(float).result.rows[0].perplexity).toBeCloseTo(perplexity, 4);
  });

  it('quantizes it again if that is allowed, and warns', async () => {
    const out = join(folder, 'again');
    const options = ['--mode', 'w8a8', '--allow-requantize', '--json'];
    const run = await runCli(['convert', w4a16, '-o', out, ...options]);
    expect(run.exitCode).toBe(0);
    const { warnings, result } = documentOf(run);
    expect(warnings).toEqual([expect.stringMatching(/the input is quantized \(w4a16, groups of 32\)/)]);
    expect(result.tensors).toEqual({ quantized: 21, dequantized: 0, copied: 14 });
    // The same codes as of the float checkpoint in between.
    const direct = join(folder, 'in-between');
    await runCli(['convert', join(folder, 'float'), '-o', direct, '--mode', 'w8a8']);
    const [one, two] = [out, direct].map((output) => readFileSync(join(output, 'model.safetensors')));
    expect(one.equals(two)).toBe(true);
  });

  it('treats it as a whole, and smooths it', async () => {
    const calibration = ['--data', text, '--samples', '2', '--seq-len', '16'];
    const best = ['--mode', 'w8a8', '--recipe', 'best', '--allow-requantize', ...calibration];
    expect(await runCli(['convert', w4a16, '-o', join(folder, 'best'), ...best])).toMatchObject({ exitCode: 0 });
    const smooth = ['smoothquant', w8a8, '-o', join(folder, 'smooth'), ...calibration, '--json'];
    expect(documentOf(await runCli(smooth)).error).toMatchObject({ code: 'E_ALREADY_QUANTIZED', exit: 3 });
    expect(await runCli([...smooth, '--allow-requantize'])).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('refuses flags of quantization beside --mode float', async () => {
    const run = await runCli(['convert', w8a8, '-o', join(folder, 'x'), '--mode', 'float', '--gs', '64', '--json']);
    expect(documentOf(run).error).toMatchObject({ code: 'E_UNUSED_OPTION', exit: 2 });
  });

  it('copies a float checkpoint with --mode float', async () => {
    const out = join(folder, 'copy');
    expect(await runCli(['convert', bundled, '-o', out, '--mode', 'float'])).toMatchObject({ exitCode: 0, stderr: '' });
    expectDequantized(out, bundled);
  });
});

describe('a GGUF file', () => {
  it('is evaluated and generates as it is', async () => {
    const run = await runCli(['eval-ppl', gguf, ...evaluation]);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(documentOf(run).result.rows).toMatchObject([{ config: 'gguf-Q4_0' }]);
    const configs = await runCli(['eval-ppl', gguf, '--configs', 'w8a8', ...evaluation]);
    expect(documentOf(configs).error).toMatchObject({ code: 'E_ALREADY_QUANTIZED', exit: 2 });
    const generation = await runCli(['generate', gguf, '--prompt', 'the', '--max-tokens', '4', '--json']);
    expect(generation.exitCode).toBe(0);
    expect(documentOf(generation).result.config).toBe('gguf-Q4_0');
  });

  it('becomes a float checkpoint that computes the same, and one of ours', async () => {
    const out = join(folder, 'from-gguf');
    expect(await runCli(['convert', gguf, '-o', out, '--mode', 'float'])).toMatchObject({ exitCode: 0, stderr: '' });
    expect(readdirSync(out).sort()).toEqual([
      'cider.json',
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expectDequantized(out, gguf);
    const compared = await runCli(['compare', out, gguf, ...evaluation]);
    expect(compared).toMatchObject({ exitCode: 0, stderr: '' });
    expect(Math.abs(documentOf(compared).result.rows[1].deltaPercent)).toBeLessThan(0.1);

    const again = ['convert', gguf, '-o', join(folder, 'gguf-w8a8'), '--json'];
    expect(documentOf(await runCli(again)).error).toMatchObject({ code: 'E_ALREADY_QUANTIZED', exit: 3 });
    expect(await runCli([...again, '--allow-requantize'])).toMatchObject({ exitCode: 0 });
    expect((await runCli(['inspect', join(folder, 'gguf-w8a8'), '--check'])).stdout).toContain('w8a8, per channel');
  });

  it('is found in a folder that holds nothing else, but not among several', async () => {
    const holder = join(folder, 'holder');
    mkdirSync(holder);
    cpSync(gguf, join(holder, 'a.gguf'));
    writeFileSync(join(holder, 'README.md'), '');
    expect((await runCli(['inspect', holder])).stdout).toContain('blk.0.attn_q.weight');
    cpSync(gguf, join(holder, 'b.gguf'));
    const run = await runCli(['inspect', holder, '--json']);
    expect(documentOf(run).error).toMatchObject({ code: 'E_GGUF_SEVERAL', exit: 3 });
  });

  it('becomes floats also where its tokenizer cannot be rebuilt, which is left out and refused to who needs it', async () => {
    const [odd, out] = [join(folder, 'odd.gguf'), join(folder, 'odd')];
    const keys: GgufKey[] = [
      { key: 'tokenizer.ggml.model', type: 'string', value: 'gpt2' },
      { key: 'tokenizer.ggml.pre', type: 'string', value: 'tekken' },
      { key: 'tokenizer.ggml.tokens', type: 'array', of: 'string', value: 'a b c d e f g h'.split(' ') },
    ];
    writeFileSync(odd, buildGguf(withKeys(Object.fromEntries(keys.map((each) => [each.key, each])))));
    const run = await runCli(['convert', odd, '-o', out, '--mode', 'float', '--json']);
    expect(run.exitCode).toBe(0);
    expect(documentOf(run).warnings).toEqual([expect.stringMatching(/the output has no tokenizer\.json: put that of/)]);
    expect(readdirSync(out).sort()).toEqual([
      'cider.json',
      'config.json',
      'model.safetensors',
      'tokenizer_config.json',
    ]);
    expectDequantized(out, odd);
    const { error } = documentOf(await runCli(['eval-ppl', odd, ...evaluation]));
    expect(error).toMatchObject({ code: 'E_GGUF_TOKENIZER', exit: 3 });
  });

  it('may have its output beside it, but not in its place', async () => {
    const own = join(folder, 'own');
    mkdirSync(own);
    cpSync(gguf, join(own, 'model.gguf'));
    const out = join(own, 'out');
    expect(await runCli(['convert', join(own, 'model.gguf'), '-o', out, '--mode', 'float'])).toMatchObject({
      exitCode: 0,
    });
    const inPlace = ['convert', join(own, 'model.gguf'), '-o', join(own, 'model.gguf'), '--mode', 'float', '--json'];
    expect(documentOf(await runCli(inPlace)).error).toMatchObject({ code: 'E_OUTPUT_IS_INPUT', exit: 2 });
  });
});

describe('a checkpoint of MLX', () => {
  it('is evaluated, inspected, dequantized, and made from codes that stay as they are', async () => {
    const mlx = join(folder, 'mlx');
    const repacked = await runCli(['convert', w4a16, '-o', mlx, '--mode', 'w4a16', '--gs', '32', '--format', 'mlx']);
    expect(repacked).toMatchObject({ exitCode: 0, stderr: '' });
    expect(repacked.stdout).toContain('21 tensors repacked, 14 copied');
    const out = join(folder, 'from-mlx');
    expect(await runCli(['convert', mlx, '-o', out, '--mode', 'float'])).toMatchObject({ exitCode: 0, stderr: '' });
    expectDequantized(out, mlx);
    const [own, other] = await Promise.all([mlx, w4a16].map((model) => runCli(['eval-ppl', model, ...evaluation])));
    const [row] = documentOf(own).result.rows;
    expect(row.config).toBe('mlx-q4-g32');
    expect(row.perplexity).toBeCloseTo(documentOf(other).result.rows[0].perplexity, 6);
    const inspected = await runCli(['inspect', mlx, '--check']);
    expect(inspected).toMatchObject({ exitCode: 0, stderr: '' });
    expect(inspected.stdout).toContain('MLX affine 4 bit, groups of 32');
    const again = await runCli(['convert', mlx, '-o', join(folder, 'x'), '--json']);
    expect(documentOf(again).error).toMatchObject({ code: 'E_ALREADY_QUANTIZED', exit: 3 });
  });
});

it('names a method of quantization that is not read', async () => {
  const model = join(folder, 'gptq');
  cpSync(bundled, model, { recursive: true });
  const path = join(model, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, JSON.stringify({ ...config, quantization_config: { quant_method: 'gptq', bits: 4 } }));
  const { exitCode, stderr } = await runCli(['eval-ppl', model, ...evaluation.slice(0, -1)]);
  expect(exitCode).toBe(3);
  expect(stderr).toMatch(/^error: config\.json: quantization_config\.quant_method is "gptq"; .*AutoGPTQ/);
});
