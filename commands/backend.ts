import os from 'node:os';
import { Option } from 'commander';
import type { Backend, BackendInfo } from '../kernels/backend.ts';
import type { LinearAlgebra } from '../kernels/linear-algebra.ts';
import { nativeEnvironment, openNative, probeNative, type NativeBackendName } from '../kernels/native-backend.ts';
import { referenceLinearAlgebra } from '../kernels/reference/linear-algebra.ts';
import { BackendUnavailableError } from '../quant/errors.ts';
import { integerIn, oneOf } from './options.ts';
import type { Output } from './output.ts';

export const backendChoices = ['auto', 'cpu', 'metal', 'reference'] as const;
export type BackendChoice = (typeof backendChoices)[number];

/** Options of commands that compute. */
export interface BackendFlags {
  backend: BackendChoice;
  threads?: number;
}

/** More threads than any machine has cores are a slip of the keyboard. */
const MAX_THREADS = 1024;

export const backendOption = (): Option =>
  new Option('--backend <name>', `what computes: ${backendChoices.join(', ')}; auto is cpu, or reference without it`)
    .argParser(oneOf(backendChoices))
    .default('auto');

export const backendOptions = (): Option[] => [
  backendOption(),
  new Option('-t, --threads <n>', 'threads of the cpu backend (default: one per physical core)').argParser(
    integerIn(1, MAX_THREADS),
  ),
];

/** A backend, and what the JSON document says of it. */
export interface OpenedBackend {
  backend: Backend;
  /** Of the same device where it computes in f64, else in TypeScript. */
  algebra: LinearAlgebra;
  /** For `CommandOutcome`. */
  used: UsedBackend;
}

export interface UsedBackend extends BackendInfo {
  /** Of the native library; none for the reference. */
  librarySha256: string | undefined;
}

/**
 * Opens the backend that the user asked for. Without the native library `auto` warns and falls back. It never takes metal,
 * which no Mac has run yet: whoever names it has `cider verify-bitexact --backend metal` to see what it is worth there.
 *
 * @throws BackendUnavailableError `E_BACKEND_UNAVAILABLE` for a named backend that this machine does not have
 */
export async function openBackend({ backend: choice, threads }: BackendFlags, output: Output): Promise<OpenedBackend> {
  if (choice !== 'reference') {
    const name = choice === 'auto' ? 'cpu' : choice;
    const environment = nativeEnvironment(process.env, os.homedir());
    const library = await probeNative(name, environment);
    if (library.ok) {
      const backend = await openNative(library, name, { ...environment, threads });
      const algebra = name === 'cpu' ? backend.linearAlgebra : referenceLinearAlgebra;
      return { backend, algebra, used: { ...backend.info, librarySha256: library.sha256 } };
    }
    if (choice !== 'auto') throw unavailable(name, library.reason);
    output.warn(`the cpu backend is not available, the slow reference takes its place: ${library.reason}`);
  }
  // Seldom needed, so not read by every run.
  const { openReferenceBackend } = await import('../kernels/reference/backend.ts');
  const backend = openReferenceBackend();
  return { backend, algebra: referenceLinearAlgebra, used: { ...backend.info, librarySha256: undefined } };
}

function unavailable(backend: NativeBackendName, reason: string): BackendUnavailableError {
  return new BackendUnavailableError(`the ${backend} backend is not available: ${reason}`, {
    code: 'E_BACKEND_UNAVAILABLE',
    hint: 'cider doctor tells more; --backend reference works everywhere, slowly',
    details: { backend, reason },
  });
}
