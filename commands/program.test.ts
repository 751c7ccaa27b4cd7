import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runCli } from '../testing/run-cli.ts';
import { packagePath } from './package-path.ts';

interface Failed {
  schema: string;
  ok: boolean;
  command: string;
  args: string[];
  error: { code: string; exit: number; message: string; hint: string };
}

describe('cider', () => {
  it('prints its version', async () => {
    const manifest = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as { version: string };
    expect(await runCli(['--version'])).toMatchObject({ stdout: `${manifest.version}\n`, stderr: '', exitCode: 0 });
  });

  it('prints help on stdout when asked', async () => {
    for (const args of [['--help'], ['help'], ['help', 'convert'], ['convert', '--help']]) {
      const run = await runCli(args);
      expect(run.exitCode).toBe(0);
      expect(run.stdout).toContain('Usage: cider');
      expect(run.stderr).toBe('');
    }
  });

  it('prints help on stderr and exits 2 without a command', async () => {
    const run = await runCli([]);
    expect(run).toMatchObject({ stdout: '', exitCode: 2 });
    expect(run.stderr).toContain('Usage: cider');
  });

  it.each([
    [['convrt'], /^error: unknown command 'convrt'; did you mean convert\?\nhint: /],
    [['convert', '-o', 'out'], /^error: missing required argument 'model'\nhint: /],
    [['convert', 'model'], /^error: required option '-o, --output <folder>' not specified\nhint: /],
    [
      ['convert', 'm', '-o', 'o', '--gs', '63'],
      /^error: option '--gs <size>' argument '63' is invalid\. It must be one of 0, 32/,
    ],
    [['convert', 'm', '-o', 'o', '-t', '0'], /^error: .*integer from 1 to 1024/],
    [['convert', 'm', '-o', 'o', '--clip', 'percentile=0'], /^error: .*percentile=P with P above 0/],
    [['eval-ppl', '--ctx', 'many'], /^error: .*integer from 2 to/],
    [['eval-ppl', '--configs', 'w9a9'], /^error: unknown configuration "w9a9"\nhint: known configurations: fp16, /],
    [['inspect', '--chek', 'x'], /^error: unknown option '--chek'; did you mean --check\?\n/],
  ])('exits 2 for %j', async (args, message) => {
    const run = await runCli(args);
    expect(run.stderr).toMatch(message);
    expect(run).toMatchObject({ stdout: '', exitCode: 2 });
  });

  it('prints one JSON document for a usage error too', async () => {
    const run = await runCli(['convert', 'model', '--json']);
    expect(run).toMatchObject({ stderr: '', exitCode: 2 });
    const document = JSON.parse(run.stdout) as Failed;
    expect(document).toMatchObject({ schema: 'cider.convert/1', ok: false, command: 'convert' });
    expect(document.args).toEqual(['convert', 'model', '--json']);
    expect(document.error).toMatchObject({ code: 'E_USAGE', exit: 2 });
  });

  it('says what is not there and exits 4', async () => {
    const run = await runCli(['inspect', '/no/such/model']);
    expect(run).toMatchObject({ stdout: '', exitCode: 4 });
    expect(run.stderr).toMatch(/^error: \/no\/such\/model: no such model folder or file\n/);
  });

  it('colours nothing in a pipe, and everything on request', async () => {
    const coloured = await runCli(['inspect', '/no'], { env: { FORCE_COLOR: '1' } });
    expect(coloured.stderr).toContain('\u001b[31merror:');
    for (const env of [{}, { NO_COLOR: '1', FORCE_COLOR: '1' }, { FORCE_COLOR: '0' }]) {
      expect((await runCli(['inspect', '/no'], { env })).stderr).not.toContain('\u001b');
    }
  });

  it('shows the stack only with CIDER_DEBUG', async () => {
    expect((await runCli(['inspect', '/no'])).stderr).not.toContain('    at ');
    expect((await runCli(['inspect', '/no'], { env: { CIDER_DEBUG: '1' } })).stderr).toContain('    at ');
  });

  it('ends quietly when the reader of its output goes away', async () => {
    const run = await runCli(['inspect', packagePath('fixtures/tiny-qwen3')], {
      started: (child) => child.stdout?.destroy(),
    });
    expect(run.stderr).toBe('');
    expect(run.exitCode).toBe(0);
  });

  it('has a page of documentation that its commands generate', () => {
    const page = readFileSync(packagePath('docs/cli.md'), 'utf8');
    for (const name of ['convert', 'inspect', 'eval-ppl']) expect(page).toContain(`## cider ${name}`);
  });
});
