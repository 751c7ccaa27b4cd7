import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readJournal } from '../eval/evaluation-journal-file.ts';
import { nodeFileSystem } from '../quant/file-system.ts';
import { evalPpl, evaluated, model, text } from '../testing/eval-ppl.ts';
import { uniformNumbers } from '../testing/random-arrays.ts';
import { reportFigure } from '../testing/report-figure.ts';
import type { CliRun } from '../testing/run-cli.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';

const windows = 12;
const args = [model, '--data', text, '--configs', 'fp16,w8a8', '--ctx', '32', '--samples', String(windows)];
const options = [...args, '--backend', 'reference', '--json', '--kld'];

/** What does not depend on the machine's mood. */
const valuesOf = (run: CliRun): unknown =>
  evaluated(run).result.rows.map((row) => ({ ...row, seconds: 0, tokensPerSecond: 0, peakMemoryBytes: 0 }));

/** Windows that the journal of the only unfinished run holds. */
function keptWindows(cache: string): number {
  const folder = join(cache, 'cider', 'eval-ppl');
  const journal = existsSync(folder) ? readdirSync(folder).find((name) => name.endsWith('.jsonl')) : undefined;
  return journal === undefined ? 0 : (readJournal(nodeFileSystem, join(folder, journal))?.results.length ?? 0);
}

it('gives the rows of an undisturbed run after SIGKILL at any moment, and loses no window that was kept', async () => {
  const seed = Number(process.env['CIDER_KILL_SEED'] ?? Date.now() % 1_000_000);
  const random = uniformNumbers(seed);
  const cache = temporaryFolder();
  const run = (signal?: NodeJS.Signals, delay = 0): Promise<CliRun> =>
    evalPpl([...options, '--resume'], {
      env: { XDG_CACHE_HOME: cache },
      started: (child) => {
        if (signal) setTimeout(() => child.kill(signal), delay);
      },
    });

  const start = performance.now();
  const whole = await evalPpl(options);
  const totalMs = performance.now() - start;
  let kills = 0;
  // A run writes down what it has every ten seconds, and when it is interrupted.
  for (const signal of ['SIGINT', 'SIGKILL', 'SIGINT', 'SIGKILL', 'SIGKILL'] as const) {
    const before = keptWindows(cache);
    const killed = await run(signal, totalMs * (signal === 'SIGINT' ? 0.5 + 0.4 * random() : random()));
    if (killed.exitCode === 0) {
      expect(valuesOf(killed)).toEqual(valuesOf(whole));
      continue;
    }
    kills += Number(signal === 'SIGKILL');
    expect(keptWindows(cache)).toBeGreaterThanOrEqual(before);
  }
  const resumed = await run();
  expect(valuesOf(resumed)).toEqual(valuesOf(whole));
  expect(readdirSync(join(cache, 'cider', 'eval-ppl'))).toEqual([]);
  reportFigure(`kills, eval-ppl: ${kills} (seed ${seed})`);
}, 300_000);
