import { setImmediate } from 'node:timers/promises';

/** Longest time that a computation keeps the event loop, so that Ctrl-C is answered at once to the eye. */
const INTERVAL_MS = 50;

let last = performance.now();

/** Lets the event loop run if it has not for a while; long operations await it between their pieces. */
export async function breathe(): Promise<void> {
  if (performance.now() - last < INTERVAL_MS) return;
  await setImmediate();
  last = performance.now();
}
