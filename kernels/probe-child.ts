import type { ProbeResult } from './probe.ts';

// Entry of the process that tries a library: its path and an instruction set (or '') in, one line of JSON out.

const [path, isa] = process.argv.slice(2);

/** A product with every sign and the extremes of int8: rows (127, -128, 1) and (-1, 2, 127) with themselves. */
const codes = Int8Array.of(127, -128, 1, -1, 2, 127);
const expected = Int32Array.of(32514, -256, -256, 16134);

async function probe(): Promise<ProbeResult> {
  // Loaded here, so that a machine without koffi's own binary gets a reason too.
  const { ABI_VERSION, NativeLibrary } = await import('./native.ts');
  const { openNativeBackend } = await import('./native/backend.ts');
  const library = new NativeLibrary(path);
  const backend = openNativeBackend(library, { isa: isa || undefined });
  const product = backend.matmulInt8(codes, codes, 2, 2, 3);
  backend.close();
  if (product.some((value, i) => value !== expected[i])) {
    return { ok: false, reason: `${path} multiplies wrongly: ${product.join(', ')} instead of ${expected.join(', ')}` };
  }
  const { isas, cpuFeatures } = library;
  return { ok: true, report: { abiVersion: ABI_VERSION, ...backend.info, isas, cpuFeatures } };
}

let result: ProbeResult;
try {
  result = await probe();
} catch (error) {
  const [line] = (error instanceof Error ? error.message : String(error)).split('\n');
  result = { ok: false, reason: line };
}
process.stdout.write(`\n${JSON.stringify(result)}\n`);
