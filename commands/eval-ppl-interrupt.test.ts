import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evalPpl, evaluated, model, text } from '../testing/eval-ppl.ts';
import type { CliRun } from '../testing/run-cli.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';

/** Long enough to be interrupted in the middle, on the backend that is the same everywhere. */
const windows = 24;
const args = [model, '--data', text, '--configs', 'fp16,w8a8', '--ctx', '32', '--samples', String(windows)];
const options = [...args, '--backend', 'reference'];

/** A row or a document that holds at least one window. */
const anyWindow = /^fp16|"perplexity"/m;
/** A row that the signal cut, not one that it came after. */
const partialRow = /^(fp16|w8a8) \[\d+\/24\] +[\d.]+ ± /m;

/** Sends a signal later and later, until one arrives before the last window and leaves the output that is wanted. */
async function interrupted(cache: string, extra: readonly string[], wanted: RegExp = anyWindow): Promise<CliRun> {
  for (let delay = 1200; ; delay *= 1.2) {
    const run = await evalPpl([...options, ...extra], {
      env: { XDG_CACHE_HOME: cache },
      started: (child) => {
        setTimeout(() => child.kill('SIGINT'), delay);
      },
    });
    // On a machine that is busy, the signal may come before the program listens.
    if (run.exitCode === null && delay < 10_000) continue;
    expect(run.exitCode).toBe(130);
    if (wanted.test(run.stdout)) return run;
  }
}

const kept = (cache: string): string[] => {
  const folder = join(cache, 'cider', 'eval-ppl');
  return existsSync(folder) ? readdirSync(folder) : [];
};

describe('cider eval-ppl and signals', () => {
  it('prints what is known at Ctrl-C, and goes on to the values of a run that was not interrupted', async () => {
    const cache = temporaryFolder();
    const document = evaluated(await interrupted(cache, ['--kld', '--json']));
    expect(document).toMatchObject({ ok: false, error: { code: 'E_INTERRUPTED' } });
    const done = document.result.rows.reduce((sum, row) => sum + row.windows, 0);
    expect(done).toBeLessThan(2 * windows);
    expect(document.result.protocol.windows).toBe(windows);
    expect(kept(cache)).toEqual([expect.stringMatching(/^[0-9a-f]{16}\.jsonl$/)]);

    const resumed = await evalPpl([...options, '--kld', '--resume'], { env: { XDG_CACHE_HOME: cache } });
    expect(resumed.stderr).toContain(`going on: ${done} windows are done\n`);
    expect(kept(cache)).toEqual([]);
    const whole = await evalPpl([...options, '--kld']);
    const values = (table: string): string => table.replace(/ +[\d.]+ +\d+ +[\d.]+ [kMG]B(?= )/g, '');
    expect(values(resumed.stdout)).toBe(values(whole.stdout));
  });

  it('marks the row that is not complete, and says how to go on', async () => {
    const cache = temporaryFolder();
    const run = await interrupted(cache, [], partialRow);
    expect(run.stdout).toMatch(partialRow);
    expect(run.stderr).toMatch(/the same command with --resume goes on from here\nerror: interrupted\n$/);
    const other = await evalPpl([...options, '--resume', '--protocol', 'llama.cpp', '--json'], {
      env: { XDG_CACHE_HOME: cache },
    });
    expect(other.exitCode).toBe(2);
    expect(evaluated(other).error).toMatchObject({ code: 'E_RESUME_MISMATCH' });
  });

  it('prints what is known even if it cannot be kept', async () => {
    const run = await interrupted('/dev/null', []);
    expect(run.stderr).toMatch(/warning: results cannot be kept for --resume: \/dev\/null.*\n/);
    expect(run.stderr).not.toContain('goes on from here');
  });

  it('starts anew where there is nothing to go on from', async () => {
    const run = await evalPpl([
      '--ctx',
      '8',
      '--samples',
      '1',
      '--configs',
      'fp16',
      '--resume',
      '--backend',
      'reference',
    ]);
    expect(run).toMatchObject({ exitCode: 0, stderr: 'nothing to go on from; starting anew\n' });
  });
});
