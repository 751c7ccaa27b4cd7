import { InterruptedError } from './errors.ts';
import { exitCodes } from './exit-codes.ts';

/** How long a command may take to stop by itself after the first signal. */
const GRACE_MILLISECONDS = 2000;

/**
 * Aborts `signal` with an `InterruptedError` on SIGINT or SIGTERM. The second signal, or a command that does not stop
 * within two seconds, ends the process at once: files under final names are whole at any moment, so that is safe.
 */
export function listenForSignals(): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  const handle = (name: 'SIGINT' | 'SIGTERM'): void => {
    const exit = name === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated;
    if (controller.signal.aborted) process.exit(exit);
    controller.abort(new InterruptedError(name));
    setTimeout(() => process.exit(exit), GRACE_MILLISECONDS).unref();
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: controller.signal,
    stop: () => {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}
