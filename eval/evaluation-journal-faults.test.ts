import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FileSystem } from '../quant/file-system.ts';
import { codeOf, faultyFileSystem, faults, isOvercome } from '../testing/faulty-file-system.ts';
import { hastyFileSystem } from '../testing/hasty-file-system.ts';
import { powerLoss } from '../testing/power-loss.ts';
import { reportFigure } from '../testing/report-figure.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { EvaluationJournal } from './evaluation-journal.ts';
import type { WindowResult } from './perplexity/window-result.ts';

const results = ['fp16', 'w8a8'].flatMap((config) =>
  [0, 1, 2].map((window): WindowResult => ({
    config,
    window,
    losses: Float32Array.of(window, 1 / 3, -window),
    seconds: 0.1 + window,
    peakMemoryBytes: 1e9 + 1,
    modelBytes: 12345,
  })),
);

/** A run that goes on from what is there, and keeps results by twos. @returns how many it was told to keep, at least */
function run(fileSystem: FileSystem, folder: string, until: number, kept: (count: number) => void): WindowResult[] {
  const journal = new EvaluationJournal({
    fileSystem,
    folder: join(folder, 'deep', 'cache'),
    fingerprint: { model: '/models/a', version: '1' },
    owner: { pid: 1, host: 'here', isAlive: () => false },
  });
  const earlier = journal.resume();
  for (const [index, result] of results.slice(0, until).entries()) {
    if (index < earlier.length) continue;
    journal.add(result);
    if (index % 2 === 1 || index === until - 1) {
      journal.flush();
      kept(index + 1);
    }
  }
  journal.close();
  return earlier;
}

/** What is kept is a beginning of the results, with all of the first `least`; the rest is added to it. */
function expectGoesOn(folder: string, least: number, message: string): void {
  const earlier = run(hastyFileSystem, folder, results.length, () => undefined);
  expect(earlier, message).toEqual(results.slice(0, earlier.length));
  expect(earlier.length, message).toBeGreaterThanOrEqual(least);
  expect(
    run(hastyFileSystem, folder, results.length, () => undefined),
    message,
  ).toEqual(results);
}

describe('the journal of an evaluation', () => {
  it.each(faults)('loses nothing that was kept, after %s at every file operation', (fault) => {
    let injected = 0;
    for (const before of [0, 2]) {
      for (let at = 0, fired = true; fired; at++) {
        const folder = temporaryFolder();
        let least = 0;
        const keep = (count: number): void => {
          least = count;
        };
        run(hastyFileSystem, folder, before, keep);
        const fileSystem = faultyFileSystem(fault, at);
        try {
          run(fileSystem, folder, results.length, keep);
          expect(least).toBe(results.length);
        } catch (error) {
          expect(error).toMatchObject({ code: codeOf(fault) });
          expect(isOvercome(fault)).toBe(false);
        }
        ({ fired } = fileSystem);
        injected += Number(fired);
        expect(fileSystem.openFiles).toBe(0);
        expectGoesOn(folder, least, `${fault}, operation ${at}`);
      }
    }
    reportFigure(`faults injected, journal of eval-ppl, ${fault}: ${injected}`);
  });

  it('loses nothing that was kept when the power is lost', () => {
    let losses = 0;
    for (let at = 0, isLost = true; isLost; at++) {
      for (let seed = 0; seed < 20; seed++) {
        const folder = temporaryFolder();
        const power = powerLoss(folder, at, 100 * at + seed);
        let least = 0;
        try {
          run(power.fileSystem, folder, results.length, (count) => {
            least = count;
          });
        } catch {
          expect(power.isLost).toBe(true);
        }
        ({ isLost } = power);
        losses += Number(isLost);
        power.restart();
        expectGoesOn(folder, least, `operation ${at}, seed ${seed}`);
      }
    }
    reportFigure(`power losses, journal of eval-ppl: ${losses}`);
  });
});
