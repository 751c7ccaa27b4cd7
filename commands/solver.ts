import { openBackend, type BackendFlags, type OpenedBackend } from './backend.ts';
import type { Output } from './output.ts';

/** What methods compute with that look at a model: its forward passes, and matrices in f64. */
export interface Solver extends OpenedBackend {
  close: () => void;
}

/**
 * Opens the backend that the user asked for. A GPU does not compute in f64: beside it the processor does.
 *
 * @throws BackendUnavailableError as `openBackend`
 */
export async function openSolver(flags: BackendFlags, output: Output): Promise<Solver> {
  const opened = await openBackend(flags, output);
  const helper = opened.used.name === 'metal' ? await openBackend({ ...flags, backend: 'auto' }, output) : undefined;
  return {
    ...opened,
    algebra: (helper ?? opened).algebra,
    close: () => {
      opened.backend.close();
      helper?.backend.close();
    },
  };
}
