import type { Backend } from '../kernels/backend.ts';
import { cpuEnvironment, openCpuBackend, probeCpuLibrary } from '../kernels/cpu-backend.ts';
import { openReferenceBackend } from '../kernels/reference/backend.ts';
import { BackendUnavailableError } from '../quant/errors.ts';

export interface BackendOptions {
  /** `cpu` is the native library, `reference` plain TypeScript; `auto`, the default, is the first that works. */
  backend?: 'auto' | 'cpu' | 'reference';
  /** Instruction set of the cpu backend, `avx2` for instance. Default: the best that this machine runs. */
  isa?: string;
  /** Threads of the cpu backend. Default: one per physical core. */
  threads?: number;
}

/**
 * Opens what computes; `close` gives its memory back. The native library is first tried in a process of its own, which
 * takes a tenth of a second.
 *
 * @throws BackendUnavailableError `E_BACKEND_UNAVAILABLE` if `cpu` was asked for and does not work here
 */
export async function openBackend(options: BackendOptions = {}): Promise<Backend> {
  const { backend = 'auto', threads } = options;
  if (backend === 'reference') return openReferenceBackend();
  const environment = cpuEnvironment(process.env);
  const isa = options.isa ?? environment.isa;
  const library = await probeCpuLibrary({ ...environment, isa });
  if (library.ok) return openCpuBackend(library, { isa, threads });
  if (backend === 'auto') return openReferenceBackend();
  throw new BackendUnavailableError(`the cpu backend is not available: ${library.reason}`, {
    code: 'E_BACKEND_UNAVAILABLE',
    hint: 'cider doctor tells more; the reference backend works everywhere, slowly',
    details: { backend, reason: library.reason },
  });
}

/** Whether the native library works on this machine. Without it everything works as well, with the same bits, slowly. */
export async function isAvailable(): Promise<boolean> {
  return (await probeCpuLibrary(cpuEnvironment(process.env))).ok;
}
