import { existsSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { attacks, makeAttack } from '../fixtures/attacks/attacks.ts';
import { writeSafetensors } from '../quant/checkpoint/safetensors-writer.ts';
import { runCli, type CliRun } from '../testing/run-cli.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint } from '../testing/tiny-checkpoint.ts';

interface Failed {
  ok: boolean;
  error: { code: string; exit: number; message: string; details: Record<string, unknown> };
}

async function failureOf(run: Promise<CliRun>): Promise<Failed['error']> {
  const { stdout, stderr, exitCode } = await run;
  expect(stderr).toBe('');
  const { ok, error } = JSON.parse(stdout) as Failed;
  expect(ok).toBe(false);
  expect(exitCode).toBe(error.exit);
  return error;
}

/** One attack of each number; `attacks.test.ts` makes them all. GGUF is a format that is read. */
const numbers = [...new Set(attacks.map(({ fault }) => fault))].filter((fault) => fault !== 28);
const oneOfEach = numbers.flatMap((fault) => attacks.find((attack) => attack.fault === fault) ?? []);

describe('cider convert of a bad input', () => {
  it.each(oneOfEach)('exits 3 and writes nothing: $fault, $name', async (attack) => {
    const root = temporaryFolder();
    const output = join(temporaryFolder(), 'out');
    const path = makeAttack(attack, root);
    const error = await failureOf(runCli(['convert', path, '-o', output, '--json']));
    expect(error).toMatchObject({ code: attack.code, exit: 3 });
    expect(readdirSync(join(output, '..'))).toEqual([]);
  });

  it.each<[string, (config: string) => void, number, string]>([
    [
      'is missing',
      (config) => {
        rmSync(config);
      },
      4,
      'E_ENOENT',
    ],
    [
      'has 2 GB',
      (config) => {
        truncateSync(config, 2e9);
      },
      3,
      'E_FILE_TOO_LARGE',
    ],
    ['has a field of another type', rewritten({ hidden_size: '64' }), 3, 'E_CONFIG_FIELD'],
    ['names an unknown architecture', rewritten({ model_type: 'nobody' }), 3, 'E_CONFIG_FIELD'],
    ['does not fit the tensors', rewritten({ hidden_size: 128 }), 3, 'E_TENSOR_SHAPE'],
    ['promises 10^9 layers', rewritten({ num_hidden_layers: 1e9 }), 3, 'E_CONFIG_FIELD'],
  ])('exits where config.json %s', async (_, damage, exit, code) => {
    const root = temporaryFolder();
    mkdirSync(join(root, 'in'));
    writeTinyCheckpoint(join(root, 'in'));
    damage(join(root, 'in', 'config.json'));
    const error = await failureOf(runCli(['convert', join(root, 'in'), '-o', join(root, 'out'), '--json']));
    expect(error).toMatchObject({ code, exit });
    expect(readdirSync(root)).toEqual(['in']);
  });

  it('exits 3 when the source shrinks while it is read', async () => {
    const root = temporaryFolder();
    const [model, out] = [join(root, 'in'), join(root, 'out')];
    mkdirSync(model);
    writeTinyCheckpoint(model, { ...tinyConfig, hidden_size: 2048, intermediate_size: 8192 });
    const run = runCli(['convert', model, '-o', out, '--clip', 'mse', '-t', '1', '--json'], {
      started: (child) => {
        const poll = setInterval(() => {
          if (!existsSync(`${out}.cider-partial`)) return;
          clearInterval(poll);
          truncateSync(join(model, 'model.safetensors'), 1_000_000);
        }, 5);
        child.on('exit', () => {
          clearInterval(poll);
        });
      },
    });
    expect(await failureOf(run)).toMatchObject({ code: 'E_FILE_CHANGED', exit: 3 });
    expect(readdirSync(root)).toEqual(['in']);
  });
});

describe('names', () => {
  it.each([
    ['not ASCII', 'Modèle für 模型 🍎'],
    ['with spaces and quotes', ` a "b" 'c' `],
    ['like an option', '--overwrite'],
    ['with a line break and a terminal code', 'a\n\u001b[31mb'],
    ['of 3,000 bytes', Array.from({ length: 12 }, () => 'x'.repeat(240)).join('/')],
  ])('work: %s', async (_, name) => {
    const root = temporaryFolder();
    const [model, out] = [join(root, 'in', name), join(root, 'out', name)];
    mkdirSync(model, { recursive: true });
    mkdirSync(join(out, '..'), { recursive: true });
    writeTinyCheckpoint(model);
    const run = await runCli(['convert', `in/${name}`, '-o', `out/${name}`], { cwd: root });
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(existsSync(join(out, 'model.safetensors'))).toBe(true);
    // eslint-disable-next-line no-control-regex -- that is the point
    expect(run.stdout).not.toMatch(/[\0-\x09\x0b-\x1f]/);
  });

  it('that no path can have are not found', async () => {
    const run = await runCli(['inspect', 'x'.repeat(5000)]);
    expect(run).toMatchObject({ stdout: '', exitCode: 4 });
  });

  it('of tensors are shown without the terminal codes in them', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'model.safetensors');
    writeSafetensors(path, [{ name: 'a\u001b[31mb\n\u009bc', dtype: 'U8', shape: [0], data: new Uint8Array(0) }]);
    writeFileSync(join(folder, 'config.json'), '{}');
    const run = await runCli(['inspect', path]);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toContain('a\\x1b[31mb\\x0a\\x9bc');
    // eslint-disable-next-line no-control-regex -- that is the point
    expect(run.stdout).not.toMatch(/[\u001b\u009b]/);
  });
});

describe('values of options out of their range', () => {
  it.each([
    ['convert', '-t', '-1'],
    ['convert', '-t', '1000000'],
    ['convert', '-t', 'NaN'],
    ['convert', '--gs', '63'],
    ['smoothquant', '--alpha', '2'],
  ])('exit 2 with the range: %s %s %s', async (command, option, value) => {
    const error = await failureOf(runCli([command, 'model', '-o', 'out', option, value, '--json']));
    expect(error).toMatchObject({ code: 'E_USAGE', exit: 2 });
    expect(error.message).toMatch(/ 1 to 1024|one of 0, 32, 64, 128, 256|from 0 to 1/);
  });
});

function rewritten(change: object): (config: string) => void {
  return (config) => {
    writeFileSync(config, JSON.stringify({ ...tinyConfig, ...change }));
  };
}
