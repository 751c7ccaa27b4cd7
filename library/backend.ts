import os from 'node:os';
import type { Backend } from '../kernels/backend.ts';
import { nativeEnvironment, openNative, probeNative } from '../kernels/native-backend.ts';
import { openReferenceBackend } from '../kernels/reference/backend.ts';
import { BackendUnavailableError } from '../quant/errors.ts';

export interface BackendOptions {
  /**
   * `cpu` and `metal` are those of the native library, `reference` is plain TypeScript; `auto`, the default, is `cpu`, or
   * `reference` where that does not work.
   */
  backend?: 'auto' | 'cpu' | 'metal' | 'reference';
  /** Instruction set of the cpu backend, `avx2` for instance. Default: the best that this machine runs. */
  isa?: string;
  /** Threads of the cpu backend. Default: one per physical core. */
  threads?: number;
}

/**
 * Opens what computes; `close` gives its memory back. The native library is first tried in a process of its own, which
 * takes a tenth of a second, and longer for metal.
 *
 * @throws BackendUnavailableError `E_BACKEND_UNAVAILABLE` if `cpu` or `metal` was asked for and does not work here
 */
export async function openBackend(options: BackendOptions = {}): Promise<Backend> {
  const { backend = 'auto', threads } = options;
  if (backend === 'reference') return openReferenceBackend();
  const name = backend === 'auto' ? 'cpu' : backend;
  const fromEnvironment = nativeEnvironment(process.env, os.homedir());
  const environment = { ...fromEnvironment, isa: options.isa ?? fromEnvironment.isa };
  const library = await probeNative(name, environment);
  if (library.ok) return openNative(library, name, { ...environment, threads });
  if (backend === 'auto') return openReferenceBackend();
  throw new BackendUnavailableError(`the ${name} backend is not available: ${library.reason}`, {
    code: 'E_BACKEND_UNAVAILABLE',
    hint: 'cider doctor tells more; the reference backend works everywhere, slowly',
    details: { backend, reason: library.reason },
  });
}

/** Whether the native library works on this machine. Without it everything works as well, with the same bits, slowly. */
export async function isAvailable(): Promise<boolean> {
  return (await probeNative('cpu', nativeEnvironment(process.env, os.homedir()))).ok;
}
