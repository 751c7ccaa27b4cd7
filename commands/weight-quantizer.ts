import os from 'node:os';
import { nativeEnvironment, openNative, probeNative } from '../kernels/native-backend.ts';
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
  const environment = nativeEnvironment(process.env, os.homedir());
  const library = await probeNative('cpu', environment);
  if (!library.ok) return undefined;
  const count = Math.min(threads, LIBUV_THREADS);
  const open = (): Promise<NativeBackend> => openNative(library, 'cpu', { ...environment, threads: 1 });
  const backends = await Promise.all(Array.from({ length: count }, open));
  const used = { ...backends[0].info, threads: count, librarySha256: library.sha256 };
  return { ...takingTurns(backends), used };
}

/** Node runs as many foreign functions at a time. */
const LIBUV_THREADS = 4;

/** A device does one thing at a time; jobs wait for one. Each has one thread, as jobs are many and independent. */
function takingTurns(backends: readonly NativeBackend[]): Pick<NativeQuantizer, 'quantize' | 'close'> {
  const last = backends.map((): Promise<unknown> => Promise.resolve());
  const waiting = backends.map(() => 0);
  return {
    quantize: (source, { bits, groupSize, clip }, codes, scales) => {
      if (clip.kind !== 'minmax') return Promise.reject(new RangeError('the library only quantizes by minmax'));
      const index = waiting.indexOf(Math.min(...waiting));
      waiting[index]++;
      const turn = last[index].then(() => backends[index].quantizeRows({ ...source, bits, groupSize }, codes, scales));
      last[index] = turn
        .catch(() => undefined)
        .then(() => {
          waiting[index]--;
        });
      return turn;
    },
    close: async () => {
      await Promise.all(last);
      for (const backend of backends) backend.close();
    },
  };
}
