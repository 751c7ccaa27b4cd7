import { cpuEnvironment, openCpuBackend, probeCpuLibrary } from '../kernels/cpu-backend.ts';
import type { NativeBackend } from '../kernels/native/backend.ts';
import type { SharedQuantizer } from '../quant/conversion/quantizer.ts';
import type { UsedBackend } from './backend.ts';

/** The native library as a quantizer of weights. */
export interface NativeQuantizer {
  quantize: SharedQuantizer;
  used: UsedBackend;
  close: () => Promise<void>;
}

/** None where the library is missing: TypeScript gives the same bits. */
export async function openNativeQuantizer(threads: number): Promise<NativeQuantizer | undefined> {
  const environment = cpuEnvironment(process.env);
  const library = await probeCpuLibrary(environment);
  if (!library.ok) return undefined;
  const backend = await openCpuBackend(library, { isa: environment.isa, threads });
  const used = { ...backend.info, librarySha256: library.sha256 };
  return { ...oneAtATime(backend), used };
}

/** A device does one thing at a time, with all its threads; jobs wait for their turn. */
function oneAtATime(backend: NativeBackend): Pick<NativeQuantizer, 'quantize' | 'close'> {
  let last: Promise<void> = Promise.resolve();
  return {
    quantize: (source, { bits, groupSize, clip }, codes, scales) => {
      if (clip.kind !== 'minmax') return Promise.reject(new RangeError('the library only quantizes by minmax'));
      const turn = last.then(() => backend.quantizeRows({ ...source, bits, groupSize }, codes, scales));
      last = turn.catch(() => undefined);
      return turn;
    },
    close: async () => {
      await last;
      backend.close();
    },
  };
}
