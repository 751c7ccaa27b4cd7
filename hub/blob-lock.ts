import { setTimeout as sleep } from 'node:timers/promises';
import { ResourceError } from '../quant/errors.ts';
import { statusOf, type FileSystem } from '../quant/file-system.ts';
import { acquireLock } from '../quant/output/lock.ts';
import type { Hub } from './hub.ts';

const POLL_MS = 200;

/** A holder whose download has not grown for this long hangs, or was on another machine and is gone. */
const STALL_MS = 120_000;

/**
 * Takes the lock of a blob, and waits for another run that downloads it as long as its file grows.
 *
 * @returns a function that gives the lock back
 * @throws ResourceError `E_LOCKED` if the other run makes no progress
 */
export async function waitForLock(
  { owner, signal, onNote }: Hub,
  fileSystem: FileSystem,
  lockPath: string,
  partialPath: string,
): Promise<() => void> {
  let grownAt = performance.now();
  let length: number | undefined;
  for (let isFirst = true; ; isFirst = false) {
    try {
      return acquireLock(fileSystem, lockPath, owner);
    } catch (error) {
      if (!(error instanceof ResourceError) || error.code !== 'E_LOCKED') throw error;
      if (isFirst) onNote('another run downloads the same file; waiting for it');
      const now = statusOf(fileSystem, partialPath)?.size;
      if (now !== length) grownAt = performance.now();
      length = now;
      if (performance.now() - grownAt > STALL_MS) throw error;
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {
      signal.throwIfAborted();
    });
  }
}
