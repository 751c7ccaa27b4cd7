import { describe, expect, it } from 'vitest';
import { median, quantile, spreadPercent, Stopwatch, takeSamples } from './samples.ts';

describe('quantile', () => {
  it('interpolates between sorted samples', () => {
    expect([0, 0.25, 0.5, 1].map((fraction) => quantile([40, 10, 30, 20], fraction))).toEqual([10, 17.5, 25, 40]);
    expect(quantile([7], 0.75)).toBe(7);
    expect(median([3, 1, 2])).toBe(2);
  });
});

describe('spreadPercent', () => {
  it('is the middle half against the median, whatever single samples do', () => {
    expect(spreadPercent([100, 100, 100, 100, 900])).toBe(0);
    expect(spreadPercent([90, 95, 100, 105, 110])).toBe(10);
  });
});

describe('takeSamples', () => {
  const never = new AbortController().signal;

  it('times so many calls after the warm-up, and numbers them all', async () => {
    const indices: number[] = [];
    const call = (index: number): Promise<number> => Promise.resolve(indices.push(index));
    const samples = await takeSamples(call, { warmup: 2, repetitions: 3 }, never);
    expect(indices).toEqual([0, 1, 2, 3, 4]);
    expect(samples).toHaveLength(3);
    expect(Math.min(...samples)).toBeGreaterThan(0);
  });

  it('stops between calls', async () => {
    const controller = new AbortController();
    const call = (index: number): Promise<void> => {
      if (index === 1) controller.abort(new Error('enough'));
      return Promise.resolve();
    };
    await expect(takeSamples(call, { warmup: 0, repetitions: 9 }, controller.signal)).rejects.toThrow('enough');
  });
});

describe('Stopwatch', () => {
  const call = (): Promise<void> => Promise.resolve();

  it('goes by the clock of the host where the device has none', async () => {
    const stopwatch = new Stopwatch();
    expect(await stopwatch.time(call)).toBeGreaterThan(0);
    expect(stopwatch.clock).toBe('host');
  });

  it('goes by the clock of a device, once all that a call asked for is done', async () => {
    let asked = 0;
    let worked = 0;
    const device = {
      synchronize: () => {
        worked += asked;
        asked = 0;
      },
      deviceSeconds: () => worked,
    };
    const stopwatch = new Stopwatch(device);
    const work = (): Promise<void> => {
      asked += 0.25;
      return Promise.resolve();
    };
    expect(await takeSamples(work, { warmup: 1, repetitions: 2 }, new AbortController().signal, stopwatch)).toEqual([
      0.25e9, 0.25e9,
    ]);
    expect(stopwatch.clock).toBe('device');
  });
});
