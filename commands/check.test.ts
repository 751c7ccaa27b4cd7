import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Checkpoint } from '../quant/checkpoint/checkpoint.ts';
import { writeSafetensors } from '../quant/checkpoint/safetensors-writer.ts';
import { editTensors } from '../testing/edit-tensors.ts';
import { model } from '../testing/eval-ppl.ts';
import { fakePython, type FakeBehaviour } from '../testing/fake-python.ts';
import { runCli, type CliRun } from '../testing/run-cli.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import type { CheckReport } from './check-report.ts';

interface Document {
  schema: string;
  ok: boolean;
  env: { backend: string | null };
  result: CheckReport;
  error?: { code: string; message: string; details: Record<string, unknown> };
}

const folder = mkdtempSync(join(os.tmpdir(), 'cider-'));
const [w4a16, wrong, w8a8] = ['w4a16', 'wrong', 'w8a8'].map((name) => join(folder, name));

/** Of a text of eight tokens, with Python as it behaves, or with none. */
function check(args: readonly string[], behaviour?: FakeBehaviour, env: Record<string, string> = {}): Promise<CliRun> {
  const python = behaviour && fakePython(temporaryFolder(), behaviour);
  return runCli(['check', '--tokens', '8', ...args, ...(python === undefined ? [] : ['--python', python])], { env });
}

const documentOf = ({ stdout }: CliRun): Document => JSON.parse(stdout) as Document;

const swapNibbles = (byte: number): number => ((byte & 0x0f) << 4) | (byte >> 4);

beforeAll(async () => {
  await runCli(['convert', model, '-o', w4a16, '--mode', 'w4a16', '--gs', '64']);
  await runCli(['convert', model, '-o', w8a8]);
  cpSync(w4a16, wrong, { recursive: true });
  editTensors(wrong, (name, bytes) => {
    if (name.endsWith('.weight_packed')) bytes.forEach((byte, i) => (bytes[i] = swapNibbles(byte)));
  });
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('cider check', () => {
  it('warns of what nobody uses of the checkpoint', async () => {
    const more = join(temporaryFolder(), 'more');
    cpSync(w4a16, more, { recursive: true });
    const checkpoint = Checkpoint.open(w4a16);
    const tensors = [...checkpoint.tensors.values()].map((entry) => ({ ...entry, data: checkpoint.readBytes(entry) }));
    checkpoint.close();
    const stray = { name: 'stray', dtype: 'F32', shape: [1], data: new Uint8Array(4) } as const;
    writeSafetensors(join(more, 'model.safetensors'), [...tensors, stray]);
    const run = await check([more, '--neighbours', 'mlx'], { list: 'all' });
    expect(run).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/^warning: .*"stray"\n$/) as string });
  });

  it('prints what became of each neighbour', async () => {
    const TMPDIR = temporaryFolder();
    const run = await check([w4a16, '--neighbours', 'transformers,mlx'], { list: 'all' }, { TMPDIR });
    expect(run).toMatchObject({ exitCode: 0, stderr: 'transformers loads the model\n' });
    expect(readdirSync(TMPDIR)).toEqual([]);
    const lines = run.stdout.trimEnd().split('\n');
    expect(lines[0]).toBe(`model   ${w4a16}: w4a16-g64`);
    expect(lines[1]).toMatch(/^python {2}3\.99, .*python3$/);
    expect(lines[2]).toMatch(/^tokens {2}8: \d+ of the prompt, then the likeliest; KL in nats, against cider$/);
    expect(lines[5]).toMatch(
      /^transformers +9\.9 +ok +\d\.\de-\d+ +0.000001 .* 100 % +[\d.]+ \([\d.]+\) +1\.5 +1\.00 GB$/,
    );
    expect(lines[6]).toMatch(/^mlx +9\.9 +skipped( +-){8}$/);
    expect(lines.at(-1)).toBe('mlx: mlx-lm does not know compressed-tensors, and would misread it silently');
  });

  it('exits 7 for a neighbour that takes the nibbles of a byte in another order', async () => {
    const behaviour: FakeBehaviour = { list: 'all', run: { does: 'answer', model: wrong } };
    const run = await check([w4a16, '--neighbours', 'transformers', '--json'], behaviour);
    expect(run.exitCode).toBe(7);
    const { schema, result, error } = documentOf(run);
    expect(schema).toBe('cider.check/1');
    expect(result.tokens).toHaveLength(8);
    expect(result.neighbours).toHaveLength(1);
    expect(result.neighbours[0]).toMatchObject({ name: 'transformers', verdict: 'differs', limit: 1e-6 });
    expect(error).toMatchObject({ code: 'E_NEIGHBOUR_DIFFERS', details: { neighbour: 'transformers', limit: 1e-6 } });
    expect(error?.details['value']).toBeGreaterThan(0.5);
  });

  it('compares quantized activations coarsely, and the same weights with float ones closely', async () => {
    const rounded = join(folder, 'rounded');
    cpSync(w8a8, rounded, { recursive: true });
    // f32 cut to the 16 bits of bfloat16.
    editTensors(rounded, (name, bytes) => {
      if (name.endsWith('.weight_scale')) for (let i = 0; i < bytes.length; i += 4) bytes.fill(0, i, i + 2);
    });
    const args = [w8a8, '--neighbours', 'transformers', '--tolerance', '1', '--json'];
    const right = await check(args, { list: 'all' });
    expect(documentOf(right).result.neighbours[0]).toMatchObject({
      verdict: 'ok',
      limit: 1,
      floatActivations: { limit: 1e-6, sameTop: 1 },
    });
    const run = await check(args, { list: 'all', run: { does: 'answer', model: rounded } });
    expect(run.exitCode).toBe(7);
    expect(documentOf(run).error).toMatchObject({
      code: 'E_NEIGHBOUR_DIFFERS',
      details: { limit: 1e-6, floatActivations: true },
    });
  });

  it('exits 7 for one that cannot load what it should, and shows its error as text', async () => {
    const run = await check([w4a16, '--neighbours', 'transformers'], {
      list: 'all',
      run: { does: 'fail', error: 'ValueError: \u001b[31mno such layer' },
    });
    expect(run.exitCode).toBe(7);
    expect(run.stdout).toContain('transformers: ValueError: \\x1b[31mno such layer\n');
    expect(run.stderr).toContain(`error: transformers cannot load ${w4a16}: ValueError: \\x1b[31mno such layer\n`);
  });

  it('ends the neighbour and leaves nothing when it is interrupted', async () => {
    const [TMPDIR, python] = [temporaryFolder(), temporaryFolder()];
    const pidFile = join(python, 'pid');
    fakePython(python, { list: 'all', run: { does: 'hang', pidFile } });
    const run = await runCli(['check', w4a16, '--neighbours', 'transformers', '--python', join(python, 'python3')], {
      env: { TMPDIR },
      started: (child) => {
        const watcher = setInterval(() => {
          if (!existsSync(pidFile)) return;
          clearInterval(watcher);
          child.kill('SIGINT');
        }, 20);
      },
    });
    expect(run.exitCode).toBe(130);
    expect(readdirSync(TMPDIR)).toEqual([]);
  });

  it('says what it skipped, and loads nothing, where nothing is installed', async () => {
    const run = await check([w4a16], { list: 'none' });
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toContain('transformers: Python has no transformers\n');
    expect(run.stdout.trimEnd().split('\n').at(-1)).toBe('nothing was compared');
  });

  it('says so where there is no Python', async () => {
    const run = await check([w4a16], undefined, { PATH: '/no/such/folder' });
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toContain('\npython  none\n');
    expect(run.stdout).toContain('transformers: there is no python3\n');
  });

  it('exits 6 for a neighbour that is required and not there', async () => {
    const run = await check([w4a16, '--require', 'transformers', '--json'], { list: 'none' });
    expect(run.exitCode).toBe(6);
    const { error, env } = documentOf(run);
    expect(error).toMatchObject({ code: 'E_NEIGHBOUR_UNAVAILABLE', details: { neighbour: 'transformers' } });
    expect(env.backend).toBeNull();
  });

  it.each<[string, () => string[], number, string]>([
    ['a model that is not there', () => [join(folder, 'none')], 4, 'E_MODEL_NOT_FOUND'],
    ['Python that is not there', () => [w4a16, '--python', '/no/such/python'], 4, 'E_PYTHON_UNUSABLE'],
    [
      'Python that is none',
      () => [w4a16, '--python', fakePython(temporaryFolder(), { list: 'garbage' })],
      4,
      'E_PYTHON_UNUSABLE',
    ],
    ['a neighbour that nobody knows', () => [w4a16, '--neighbours', 'onnx'], 2, 'E_USAGE'],
  ])('refuses %s', async (_, args, exitCode, code) => {
    const run = await check([...args(), '--json']);
    expect(run.exitCode).toBe(exitCode);
    expect(documentOf(run).error?.code).toBe(code);
  });
});
