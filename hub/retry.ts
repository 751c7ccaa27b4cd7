import { setTimeout as sleep } from 'node:timers/promises';
import type { CiderError } from '../quant/errors.ts';

/** A failure that may be gone a moment later. `failure` is what the user hears when it is not. */
export class TransientFailure extends Error {
  readonly failure: CiderError;
  /** How long the server asks to be left alone. */
  readonly waitMs: number | undefined;

  constructor(failure: CiderError, waitMs?: number) {
    super(failure.message, { cause: failure });
    this.name = 'TransientFailure';
    this.failure = failure;
    this.waitMs = waitMs;
  }
}

export interface RetryOptions {
  /** Before the second attempt; doubled before each further one. */
  firstDelayMs: number;
  signal: AbortSignal;
  /** Whether the attempt that failed came far enough to make the next one count as the first. */
  hasProgressed?: () => boolean;
}

/** With delays of 0.5, 1, 2 and 4 s: a server that restarts is back by then. */
const MAX_ATTEMPTS = 5;

/** A server that asks for more patience than this is better asked again by a person. */
const MAX_WAIT_MS = 60_000;

/** Repeats `attempt` while it throws `TransientFailure`; in the end throws what that stands for. */
export async function withRetries<T>(options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures++) {
    options.signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
      if (options.hasProgressed?.() === true) failures = 1;
      const waitMs = error.waitMs ?? options.firstDelayMs * 2 ** (failures - 1);
      if (failures >= MAX_ATTEMPTS || waitMs > MAX_WAIT_MS) throw error.failure;
      await sleep(waitMs, undefined, { signal: options.signal }).catch(() => {
        options.signal.throwIfAborted();
      });
    }
  }
}
