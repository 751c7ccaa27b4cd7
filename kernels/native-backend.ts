import { join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import type { NativeBackend } from './native/backend.ts';
import { findLibrary, type LibraryFile } from './prebuilt.ts';
import { probeLibrary, type ProbeReport, type TrialStep } from './probe.ts';

/** The backends of the native library. */
export const nativeBackends = ['cpu', 'metal'] as const;
export type NativeBackendName = (typeof nativeBackends)[number];

/** The native library of this machine with one of its backends, if that works here. */
export type ProbedLibrary =
  (LibraryFile & { ok: true; report: ProbeReport }) | { ok: false; reason: string; trial?: readonly TrialStep[] };

/** What the environment says. */
export interface NativeEnvironment {
  /** `CIDER_LIBRARY`: another build of the library. */
  library: string | undefined;
  /** `CIDER_ISA`: one of the backend's instruction sets. */
  isa: string | undefined;
  /** Where the metal backend keeps how its trial on this machine went. */
  cache: string;
}

export const nativeEnvironment = (env: NodeJS.ProcessEnv, home: string): NativeEnvironment => ({
  library: env['CIDER_LIBRARY'],
  isa: env['CIDER_ISA'],
  cache: join(cacheFolder(env, home), 'metal'),
});

/** Finds the library and tries the backend in another process. Never throws: the reason is one line. */
export async function probeNative(
  backend: NativeBackendName,
  { library, isa, cache }: NativeEnvironment,
): Promise<ProbedLibrary> {
  try {
    const file = findLibrary(library);
    const result = await probeLibrary(file.path, { backend, isa, cache });
    return result.ok ? { ...file, ...result } : result;
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

export interface NativeOptions {
  isa?: string | undefined;
  /** Of the cpu backend. Default: one per physical core. */
  threads?: number | undefined;
  cache: string;
}

/** Opens a backend of a library that was probed. */
export async function openNative(
  library: LibraryFile,
  backend: NativeBackendName,
  options: NativeOptions,
): Promise<NativeBackend> {
  // Loaded late, as koffi is only needed where there is a library.
  const { NativeLibrary } = await import('./native.ts');
  const { openNativeBackend } = await import('./native/backend.ts');
  return openNativeBackend(new NativeLibrary(library.path), { backend, ...options });
}
