import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { barProgress, lineProgress } from './progress.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const bytes = { label: 'convert', total: 1e9, unit: 'bytes' } as const;

describe('lineProgress', () => {
  /** What is written when `done` bytes are reported at these milliseconds. */
  function linesOf(reports: readonly (readonly [milliseconds: number, done: number])[]): string[] {
    const lines: string[] = [];
    const progress = lineProgress((line) => lines.push(line), bytes);
    let now = 0;
    for (const [milliseconds, done] of reports) {
      vi.advanceTimersByTime(milliseconds - now);
      now = milliseconds;
      progress.update(done);
    }
    progress.finish();
    return lines;
  }

  it('says nothing about work that is soon over', () => {
    expect(
      linesOf([
        [500, 5e8],
        [1900, 1e9],
      ]),
    ).toEqual([]);
  });

  it('writes a line every tenth of the work, with rate and time left', () => {
    expect(
      linesOf([
        [2000, 1e8],
        [3000, 1.5e8],
        [4000, 2e8],
        [20_000, 1e9],
      ]),
    ).toEqual([
      'convert 10% | 100 MB of 1.00 GB, 50.0 MB/s, eta 18s',
      'convert 20% | 200 MB of 1.00 GB, 50.0 MB/s, eta 16s',
      'convert 100% | 1.00 GB of 1.00 GB, 50.0 MB/s, eta 0s',
    ]);
  });

  it('writes a line every half minute of slow work', () => {
    const lines = linesOf([
      [10_000, 1e6],
      [29_000, 2e6],
      [30_000, 3e6],
      [61_000, 6e6],
    ]);
    expect(lines.map((line) => line.split(' | ')[0])).toEqual(['convert 0%', 'convert 0%']);
  });

  it('counts windows in their own unit', () => {
    const lines: string[] = [];
    const progress = lineProgress((line) => lines.push(line), { label: 'eval-ppl', total: 4, unit: 'windows' });
    vi.advanceTimersByTime(3000);
    progress.update(1, 'w8a8 [1/2] 9.731');
    expect(lines).toEqual(['eval-ppl 25% | 1 of 4 windows, eta 9s | w8a8 [1/2] 9.731']);
  });

  it('does not take what an earlier run did for its own speed', () => {
    const lines: string[] = [];
    const options = { label: 'eval-ppl', total: 100, unit: 'windows', earlier: 50 } as const;
    const progress = lineProgress((line) => lines.push(line), options);
    vi.advanceTimersByTime(10_000);
    progress.update(50);
    progress.update(60);
    expect(lines).toEqual(['eval-ppl 60% | 60 of 100 windows, eta 40s']);
  });
});

describe('barProgress', () => {
  it('draws one line of bytes, rate, time left and item, and leaves the last', () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 200 });
    const progress = barProgress(stream as unknown as NodeJS.WriteStream, bytes);
    vi.advanceTimersByTime(2000);
    progress.update(5e8, 'model.norm.weight');
    vi.advanceTimersByTime(1000);
    progress.finish();
    progress.finish();
    const drawn = String(stream.read());
    expect(drawn).toContain('50% | 500 MB of 1.00 GB, 250 MB/s, eta 2s | model.norm.weight');
    expect(drawn.match(/\n/g)).toHaveLength(1);
  });
});
