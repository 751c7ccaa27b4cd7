import { afterEach, expect, it, vi } from 'vitest';
import { breathe } from './breathe.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

it('lets the event loop run after a long computation, and only then', async () => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(1e9);
  await breathe();
  let turns = 0;
  const next = async (): Promise<number> => {
    setImmediate(() => turns++);
    await breathe();
    return turns;
  };
  now.mockReturnValue(1e9 + 49);
  expect(await next()).toBe(0);
  now.mockReturnValue(1e9 + 51);
  expect(await next()).toBe(2);
  expect(await next()).toBe(2);
});
