import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nodeFileSystem } from '../quant/file-system.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { EvaluationJournal } from './evaluation-journal.ts';
import type { WindowResult } from './perplexity/window-result.ts';

const owner = { pid: 4242, host: 'here', isAlive: () => true };
const fingerprint = { model: '/models/a', protocol: 'gptq', configurations: 'fp16,w8a8' };

function journalIn(folder: string, changed: Partial<Record<keyof typeof fingerprint, string>> = {}): EvaluationJournal {
  return new EvaluationJournal({
    fileSystem: nodeFileSystem,
    folder: join(folder, 'deep', 'cache'),
    fingerprint: { ...fingerprint, ...changed },
    owner,
  });
}

const result = (config: string, window: number): WindowResult => ({
  config,
  window,
  losses: Float32Array.of(window, 1 / 3, Infinity, NaN, 1e-30),
  ...(config === 'fp16' ? {} : { divergence: { divergences: Float32Array.of(0.1, window), sameTop: 1 } }),
  seconds: 0.1 + window,
  peakMemoryBytes: 1e9 + 1,
  modelBytes: 12345,
});

const results = [result('fp16', 0), result('fp16', 1), result('w8a8', 0), result('w8a8', 1)];

/** Leaves the results as an interrupted run does. */
function interrupted(folder: string, kept: readonly WindowResult[] = results): string {
  const journal = journalIn(folder);
  for (const each of kept) journal.add(each);
  journal.flush();
  journal.close();
  return journal.path;
}

function resumed(folder: string): WindowResult[] {
  const journal = journalIn(folder);
  const earlier = journal.resume();
  journal.close();
  return earlier;
}

describe('EvaluationJournal', () => {
  it('gives back what was added, to the bit', () => {
    const folder = temporaryFolder();
    interrupted(folder);
    expect(resumed(folder)).toEqual(results);
  });

  it('goes on where it was left, any number of times', () => {
    const folder = temporaryFolder();
    interrupted(folder, []);
    for (const [index, each] of results.entries()) {
      const journal = journalIn(folder);
      expect(journal.resume()).toEqual(results.slice(0, index));
      journal.add(each);
      journal.flush();
      journal.close();
    }
    expect(resumed(folder)).toEqual(results);
  });

  it('starts anew without resume, but not before there is something to keep', () => {
    const folder = temporaryFolder();
    interrupted(folder);
    const journal = journalIn(folder);
    journal.flush();
    journal.close();
    expect(resumed(folder)).toEqual(results);
    interrupted(folder, results.slice(0, 1));
    expect(resumed(folder)).toEqual(results.slice(0, 1));
  });

  it('leaves nothing of a run that is complete', () => {
    const folder = temporaryFolder();
    const path = interrupted(folder);
    const journal = journalIn(folder);
    journal.resume();
    journal.complete();
    expect(existsSync(path)).toBe(false);
    expect(readdirSync(join(path, '..'))).toEqual([]);
    expect(resumed(folder)).toEqual([]);
  });

  it('takes what is whole of a file that was cut anywhere', () => {
    const folder = temporaryFolder();
    const path = interrupted(folder);
    const whole = readFileSync(path);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length }), (length) => {
        writeFileSync(path, whole);
        truncateSync(path, length);
        const lines = whole.subarray(0, length).toString().split('\n').length - 1;
        const journal = journalIn(folder);
        const earlier = journal.resume();
        expect(earlier).toEqual(results.slice(0, Math.max(0, lines - 1)));
        for (const each of results.slice(earlier.length)) journal.add(each);
        journal.flush();
        journal.close();
        expect(resumed(folder)).toEqual(results);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['is no JSON', 'null?'],
    ['is no result', '{"config": 1}'],
    [
      'holds half a float',
      '{"config":"w8a8","window":2,"losses":"AAA=","seconds":1,"peakMemoryBytes":1,"modelBytes":1}',
    ],
    ['skips a window', '{"config":"w8a8","window":5,"losses":"","seconds":1,"peakMemoryBytes":1,"modelBytes":1}'],
    [
      'lacks a divergence',
      '{"config":"w8a8","window":2,"losses":"","seconds":1,"peakMemoryBytes":1,"modelBytes":1,"divergence":{}}',
    ],
  ])('ends before a line that %s', (_, line) => {
    const folder = temporaryFolder();
    const path = interrupted(folder);
    writeFileSync(path, `${readFileSync(path, 'utf8')}${line}\n`);
    expect(resumed(folder)).toEqual(results);
  });

  it('says what differs from the unfinished run of the same model that is nearest', () => {
    const folder = temporaryFolder();
    interrupted(folder);
    expect(() => journalIn(folder, { protocol: 'word' }).resume()).toThrow(
      expect.objectContaining({
        code: 'E_RESUME_MISMATCH',
        message: 'the unfinished run differs in protocol',
        details: { differences: ['protocol: gptq → word'] },
      }),
    );
    expect(journalIn(folder, { model: '/models/b' }).resume()).toEqual([]);
  });

  it('ignores other files of the folder', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'deep', 'cache'), { recursive: true });
    writeFileSync(join(folder, 'deep', 'cache', 'other.jsonl'), 'not ours\n');
    expect(resumed(folder)).toEqual([]);
  });

  it('keeps two runs off the same file', () => {
    const folder = temporaryFolder();
    const first = journalIn(folder);
    first.add(results[0]);
    first.flush();
    expect(() => resumed(folder)).toThrow(expect.objectContaining({ code: 'E_LOCKED' }));
    first.close();
    expect(resumed(folder)).toEqual(results.slice(0, 1));
  });

  describe('time', () => {
    beforeEach(() => {
      vi.useFakeTimers();
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    it('touches the disk every ten seconds only', () => {
      const folder = temporaryFolder();
      const journal = journalIn(folder);
      journal.add(results[0]);
      vi.advanceTimersByTime(9_000);
      journal.add(results[1]);
      expect(existsSync(journal.path)).toBe(false);
      vi.advanceTimersByTime(1_000);
      journal.add(results[2]);
      journal.add(results[3]);
      journal.close();
      expect(resumed(folder)).toEqual(results.slice(0, 3));
    });
  });
});
