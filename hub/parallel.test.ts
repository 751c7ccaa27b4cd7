import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { inParallel } from './parallel.ts';

const never = new AbortController().signal;

it('does everything, and never more than a few at a time', async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await inParallel([3, 1, 4, 1, 5, 9, 2, 6], 3, never, async (item) => {
    most = Math.max(most, ++running);
    await sleep(item);
    running--;
    done.push(item);
  });
  expect(done.sort()).toEqual([1, 1, 2, 3, 4, 5, 6, 9]);
  expect(most).toBe(3);
  await inParallel([], 3, never, () => Promise.reject(new Error('no item')));
});

it('stops the others when one fails, and waits for them', async () => {
  const ended: string[] = [];
  const all = inParallel(['slow', 'bad', 'late'], 2, never, async (item, signal) => {
    if (item === 'bad') throw new Error('bad');
    await sleep(10_000, undefined, { signal }).catch(() => ended.push(item));
    signal.throwIfAborted();
  });
  await expect(all).rejects.toThrow('bad');
  expect(ended).toEqual(['slow']);
});
