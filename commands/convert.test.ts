import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nativeLibraryForTests } from '../testing/native-library.ts';
import { runCli } from '../testing/run-cli.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint } from '../testing/tiny-checkpoint.ts';

interface Converted {
  ok: boolean;
  env: { backend: string | null; librarySha256: string | null };
  warnings: string[];
  result: {
    output: string;
    mode: string;
    groupSize: number;
    format: string;
    tensors: { quantized: number; copied: number };
    bytes: { in: number; out: number };
    files: { name: string; bytes: number; sha256: string }[];
  };
  error?: { code: string; exit: number };
}

function setUp(config: object = tinyConfig): { root: string; model: string; out: string } {
  const root = temporaryFolder();
  const model = join(root, 'in');
  mkdirSync(model);
  writeTinyCheckpoint(model, config);
  return { root, model, out: join(root, 'out') };
}

/** Wide enough that least-error clipping on one thread outlasts a signal by far. */
const longConfig = { ...tinyConfig, hidden_size: 2048, intermediate_size: 8192 };

describe('cider convert', () => {
  it('says on stdout what it wrote, and nothing else anywhere', async () => {
    const { model, out } = setUp();
    const run = await runCli(['convert', model, '-o', out]);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(/out: w8a8, per channel, 3 files\n14 tensors quantized, \d+ copied; .* → .*\n$/);
    expect(readdirSync(out)).toEqual(['cider.json', 'config.json', 'model.safetensors', 'tokenizer_config.json']);
  });

  it('prints one JSON document whose hashes are those of the files', async () => {
    const { model, out } = setUp();
    const run = await runCli(['convert', model, '-o', out, '--mode', 'w4a8', '--gs', '32', '--json']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const { ok, result } = JSON.parse(run.stdout) as Converted;
    expect(ok).toBe(true);
    expect(result).toMatchObject({ output: out, mode: 'w4a8', groupSize: 32, format: 'compressed-tensors' });
    expect(result.tensors.quantized).toBe(14);
    for (const file of result.files) {
      const bytes = readFileSync(join(out, file.name));
      const sum = createHash('sha256').update(bytes).digest('hex');
      expect(file).toMatchObject({ sha256: sum, bytes: bytes.length });
    }
  });

  it.each(['w8a8', 'w4a8', 'w4a16'])('writes the same bytes with and without the native library: %s', async (mode) => {
    const { root, model, out } = setUp();
    const plain = join(root, 'plain');
    const options = ['--mode', mode, '--gs', '32', '--json'];
    const [fast, slow] = await Promise.all([
      runCli(['convert', model, '-o', out, ...options]),
      runCli(['convert', model, '-o', plain, ...options], { env: { CIDER_LIBRARY: join(root, 'no-library') } }),
    ]);
    const [native, reference] = [fast, slow].map(({ stdout }) => JSON.parse(stdout) as Converted);
    expect(native.result.files).toEqual(reference.result.files);
    expect(reference).toMatchObject({ warnings: [], env: { backend: null, librarySha256: null } });
    if (nativeLibraryForTests()) expect(native.env).toMatchObject({ backend: 'cpu' });
  });

  it('writes what mlx-lm reads, with the embedding quantized unless it is to stay float', async () => {
    const { model, out } = setUp();
    const mlx = ['convert', model, '-o', out, '--format', 'mlx', '--gs', '32', '--json', '--overwrite'];
    const run = await runCli([...mlx, '--mode', 'w4a16']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect((JSON.parse(run.stdout) as Converted).result).toMatchObject({ format: 'mlx', tensors: { quantized: 15 } });
    const kept = await runCli([...mlx, '--mode', 'w8a16', '--no-quantize-embeddings']);
    expect((JSON.parse(kept.stdout) as Converted).result.tensors.quantized).toBe(14);
    const refused = await runCli([...mlx, '--mode', 'w8a8']);
    expect(refused.exitCode).toBe(2);
    expect((JSON.parse(refused.stdout) as Converted).error).toMatchObject({ code: 'E_MLX_MODE' });
  });

  it('takes codes from one format to the other as they are', async () => {
    const { root, model, out } = setUp();
    const scheme = ['--mode', 'w4a16', '--gs', '32'];
    await runCli(['convert', model, '-o', out, ...scheme]);
    const mlx = join(root, 'mlx');
    expect(await runCli(['convert', out, '-o', mlx, '--format', 'mlx', ...scheme])).toMatchObject({ exitCode: 0 });
    const back = join(root, 'back');
    expect(await runCli(['convert', mlx, '-o', back, ...scheme])).toMatchObject({ exitCode: 0 });
    const [a, b] = [out, back].map((folder) => readFileSync(join(folder, 'model.safetensors')));
    expect(a.equals(b)).toBe(true);
  });

  it('names a weight that is not finite', async () => {
    const root = temporaryFolder();
    writeTinyCheckpoint(root, tinyConfig, (name, values) => {
      if (name.endsWith('layers.1.mlp.up_proj.weight')) values[5 * 64 + 7] = 0x7f80;
    });
    const run = await runCli(['convert', root, '-o', join(temporaryFolder(), 'out')]);
    expect(run).toMatchObject({ exitCode: 3, stdout: '' });
    expect(run.stderr).toContain('tensor "model.layers.1.mlp.up_proj.weight" holds Infinity at [5, 7]');
  });

  it('prints the plan of a dry run and writes nothing', async () => {
    const { root, model, out } = setUp();
    const run = await runCli(['convert', model, '-o', out, '--dry-run', '--ignore', 'lm_head', 'layers.0.*']);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toMatch(
      /layers\.0\.mlp\.up_proj\.weight +96 × 64 +BF16 → copy \(ignored\) +12\.3 kB +12\.3 kB\n/,
    );
    expect(run.stdout).toMatch(
      /layers\.1\.mlp\.up_proj\.weight +96 × 64 +BF16 → int8 per channel +12\.3 kB +6\.53 kB\n/,
    );
    expect(readdirSync(root)).toEqual(['in']);
  });

  it('warns about a pattern that matches nothing', async () => {
    const { model, out } = setUp();
    const run = await runCli(['convert', model, '-o', out, '--dry-run', '--ignore', 'lm_haed']);
    expect(run.stderr).toBe('warning: --ignore lm_haed matches no linear layer\n');
  });

  it('names tensor and fitting group sizes when K does not divide', async () => {
    const { root, model, out } = setUp();
    const run = await runCli(['convert', model, '-o', out, '--gs', '128']);
    expect(run).toMatchObject({ exitCode: 3, stdout: '' });
    expect(run.stderr).toMatch(
      /tensor "model\.layers\.0\..*" \(and 13 more\) has K = \d+, not a multiple of the group size 128\n/,
    );
    expect(run.stderr).toContain('hint: group sizes that fit every layer: 32;');
    expect(readdirSync(root)).toEqual(['in']);
  });

  it('refuses input as output, an existing output, and a file as output', async () => {
    const { model, out } = setUp();
    expect(await runCli(['convert', model, '-o', model, '--overwrite'])).toMatchObject({ exitCode: 2 });
    expect(await runCli(['convert', model, '-o', join(model, 'inner')])).toMatchObject({ exitCode: 2 });
    writeFileSync(out, 'precious');
    const run = await runCli(['convert', model, '-o', out, '--overwrite']);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toContain('the output is not a folder');
    expect(readFileSync(out, 'utf8')).toBe('precious');
  });

  it('refuses a checkpoint that it converted already', async () => {
    const { root, model, out } = setUp();
    await runCli(['convert', model, '-o', out]);
    const run = await runCli(['convert', out, '-o', join(root, 'again'), '--json']);
    expect(run.exitCode).toBe(3);
    expect((JSON.parse(run.stdout) as Converted).error).toMatchObject({ code: 'E_ALREADY_QUANTIZED', exit: 3 });
    expect(readdirSync(root)).toEqual(['in', 'out']);
  });

  it('leaves an output alone that another run is writing, and exits 5', async () => {
    const { root, model, out } = setUp();
    writeFileSync(`${out}.cider-lock`, JSON.stringify({ pid: process.pid, host: hostname() }));
    const run = await runCli(['convert', model, '-o', out]);
    expect(run).toMatchObject({ exitCode: 5, stdout: '' });
    expect(run.stderr).toContain(`process ${process.pid} on ${hostname()} is writing this output`);
    expect(readdirSync(root)).toEqual(['in', 'out.cider-lock']);
  });

  it('replaces its own output on request', async () => {
    const { root, model, out } = setUp();
    await runCli(['convert', model, '-o', out]);
    expect((await runCli(['convert', model, '-o', out])).stderr).toContain('--overwrite');
    expect(await runCli(['convert', model, '-o', out, '--mode', 'w4a8', '--overwrite'])).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(out, 'config.json'), 'utf8')).toContain('"num_bits": 4');
    expect(readdirSync(root)).toEqual(['in', 'out']);
  });

  it('escapes control characters of names that it prints', async () => {
    const { root, out } = setUp();
    const run = await runCli(['convert', join(root, 'no\u001b[31mmodel\n'), '-o', out]);
    expect(run.exitCode).toBe(4);
    expect(run.stderr).toContain('no\\x1b[31mmodel\\x0a');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('leaves nothing under a final name after %s', async (signal) => {
    const { root, model, out } = setUp(longConfig);
    const run = await runCli(['convert', model, '-o', out, '--clip', 'mse', '-t', '1', '--max-shard-size', '1MB'], {
      started: (child) => {
        const poll = setInterval(() => {
          if (!existsSync(`${out}.cider-partial`)) return;
          clearInterval(poll);
          child.kill(signal);
        }, 5);
        child.on('exit', () => {
          clearInterval(poll);
        });
      },
    });
    expect(run.exitCode).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(run.stderr).toContain(`error: ${signal === 'SIGINT' ? 'interrupted' : 'terminated'}\n`);
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(root).filter((name) => name.endsWith('-lock'))).toEqual([]);
  });
});
