import { describe, expect, it } from 'vitest';
import {
  config,
  facts,
  newStatisticsPath,
  places,
  statisticsOf,
  writeStatistics,
} from '../../testing/statistics-sample.ts';
import { mergeStatistics } from './merged-statistics.ts';
import { StatisticsFile } from './saved-statistics.ts';
import type { StatisticsWriterOptions } from './statistics-writer.ts';

describe('mergeStatistics', () => {
  const opened = (seed: number, changed: Partial<StatisticsWriterOptions> = {}): StatisticsFile => {
    const path = newStatisticsPath();
    writeStatistics(path, changed, seed);
    return new StatisticsFile(path, config);
  };

  it('gives statistics as of all texts', () => {
    const parts = [1, 2, 3].map((seed) => opened(seed, { facts: { ...facts, data: `text ${seed}`, samples: seed } }));
    const merged = mergeStatistics(parts);
    expect(merged.facts).toMatchObject({ data: 'text 1 + text 2 + text 3', samples: 6, seqLen: 7, model: 'a1' });
    for (const [layer, stage] of places) {
      const all = [1, 2, 3].map((seed) => statisticsOf(seed, layer, stage));
      const { tokens, absmax, hessian } = merged.read(layer, stage);
      expect(tokens).toBe(42);
      expect(Array.from(absmax)).toEqual(Array.from(absmax, (_, k) => Math.max(...all.map((each) => each.absmax[k]))));
      expect(Array.from(hessian ?? [])).toEqual(
        Array.from(hessian ?? [], (_, i) => all.reduce((sum, each) => sum + (each.hessian?.[i] ?? NaN), 0)),
      );
    }
    merged.close();
  });

  it('leaves those of one text as they are', () => {
    const part = opened(1);
    expect(mergeStatistics([part])).toBe(part);
    part.close();
  });

  it.each<[string, Partial<StatisticsWriterOptions>, RegExp]>([
    ['models', { facts: { ...facts, model: 'b2' } }, /must be of one model: a1 is not b2/],
    ['lengths', { facts: { ...facts, seqLen: 8 } }, /must be of windows of one length: 7 is not 8/],
    ['kinds', { hessians: false }, /must be all with Hessians or all without/],
  ])('refuses different %s', (_, changed, message) => {
    const parts = [opened(1), opened(2, changed)];
    expect(() => mergeStatistics(parts)).toThrow(
      expect.objectContaining({ code: 'E_STATISTICS_MISMATCH', message: expect.stringMatching(message) as unknown }),
    );
    for (const part of parts) part.close();
  });
});
