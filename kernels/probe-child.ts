import type { NativeBackendName } from './native-backend.ts';
import type { NativeLibrary } from './native.ts';
import type { ProbeResult } from './probe.ts';
import { parseTrial } from './trial.ts';

// Entry of the process that tries a library: its path, a backend, an instruction set and a folder (or '' for either) in,
// one line of JSON out.

const [path, backendName, isa, cache] = process.argv.slice(2) as [string, NativeBackendName, string, string];
const folder = cache || undefined;

/** A product with every sign and the extremes of int8: rows (127, -128, 1) and (-1, 2, 127) with themselves. */
const codes = Int8Array.of(127, -128, 1, -1, 2, 127);
const expected = Int32Array.of(32514, -256, -256, 16134);

async function probe(): Promise<ProbeResult> {
  try {
    // Loaded here, so that a machine without koffi's own binary gets a reason too.
    const { NativeLibrary } = await import('./native.ts');
    return await probeBackend(new NativeLibrary(path));
  } catch (error) {
    return { ok: false, reason: firstLine(error) };
  }
}

async function probeBackend(library: NativeLibrary): Promise<ProbeResult> {
  const { ABI_VERSION } = await import('./native.ts');
  const { openNativeBackend } = await import('./native/backend.ts');
  const trial = parseTrial(library.backendReport(backendName, folder));
  try {
    const backend = openNativeBackend(library, { backend: backendName, isa: isa || undefined, cache: folder });
    const product = backend.matmulInt8(codes, codes, 2, 2, 3);
    backend.close();
    if (product.some((value, i) => value !== expected[i])) {
      const reason = `${path} multiplies wrongly: ${product.join(', ')} instead of ${expected.join(', ')}`;
      return { ok: false, reason, trial };
    }
    const isas = library.isas(backendName, folder);
    const { cpuFeatures } = library;
    return { ok: true, report: { abiVersion: ABI_VERSION, ...backend.info, isas, cpuFeatures, trial } };
  } catch (error) {
    return { ok: false, reason: firstLine(error), trial };
  }
}

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0];

process.stdout.write(`\n${JSON.stringify(await probe())}\n`);
