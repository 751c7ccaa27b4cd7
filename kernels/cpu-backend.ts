import type { NativeBackend } from './native/backend.ts';
import { findLibrary, type LibraryFile } from './prebuilt.ts';
import { probeLibrary, type ProbeReport } from './probe.ts';

/** The native library of this machine, if it has one that works. */
export type CpuLibrary = (LibraryFile & { ok: true; report: ProbeReport }) | { ok: false; reason: string };

/** What the environment says: `CIDER_LIBRARY` names another build, `CIDER_ISA` one of its instruction sets. */
export interface CpuEnvironment {
  library?: string | undefined;
  isa?: string | undefined;
}

export const cpuEnvironment = (env: NodeJS.ProcessEnv): CpuEnvironment => ({
  library: env['CIDER_LIBRARY'],
  isa: env['CIDER_ISA'],
});

/** Finds the library and tries it in another process. Never throws: the reason is one line. */
export async function probeCpuLibrary({ library, isa }: CpuEnvironment): Promise<CpuLibrary> {
  try {
    const file = findLibrary(library);
    const result = await probeLibrary(file.path, { isa });
    return result.ok ? { ...file, ...result } : result;
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

export interface CpuBackendOptions {
  isa?: string | undefined;
  /** Default: one per physical core. */
  threads?: number | undefined;
}

/** Opens the `cpu` backend of a library that was probed. */
export async function openCpuBackend(library: LibraryFile, options: CpuBackendOptions = {}): Promise<NativeBackend> {
  // Loaded late, as koffi is only needed where there is a library.
  const { NativeLibrary } = await import('./native.ts');
  const { openNativeBackend } = await import('./native/backend.ts');
  return openNativeBackend(new NativeLibrary(library.path), options);
}
