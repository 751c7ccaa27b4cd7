import type { Backend, KvCache, Tensor, Weight } from '../backend.ts';
import type { NativeBackendName } from '../native-backend.ts';
import type { NativeLibrary } from '../native.ts';
import type { LinearAlgebra } from '../linear-algebra.ts';
import { check } from '../check.ts';
import {
  matmulInt8,
  measurePeak,
  quantizePerToken,
  quantizeRows,
  type MachinePeak,
  type RowsToQuantize,
} from './arithmetic.ts';
import { attention, elementwise, embedding, linear, rmsNorm, rope, softCap } from './decoder.ts';
import { NativeDevice } from './device.ts';
import { NativeKvCache } from './kv-cache.ts';
import { nativeLinearAlgebra } from './linear-algebra.ts';
import { createTensor, download, NativeTensor, viewOf } from './tensor.ts';
import { argmax, crossEntropy, divergence, sample } from './tokens.ts';
import { createWeight, NativeWeight } from './weight.ts';

/** A backend of the library, with what else the library can do. */
export interface NativeBackend extends Backend {
  /** Of the cpu backend; that of metal rejects with a NativeError `unavailable`. */
  readonly linearAlgebra: LinearAlgebra;
  /** Codes and scales of weight rows by min-max; the arrays are the library's until the promise is settled. */
  quantizeRows(source: RowsToQuantize, codes: Int8Array, scales: Float32Array): Promise<void>;
  /** Measures what the machine gives at most, for some four times `seconds`. */
  measurePeak(seconds: number): MachinePeak;
  /** Waits until all that was asked for is done: operations of metal return earlier. @throws what went wrong meanwhile */
  synchronize(): void;
  /** Seconds that a GPU worked, by its own clock, for what is done; 0 where there is no such clock. */
  deviceSeconds(): number;
}

export interface NativeBackendOptions {
  /** Default: `cpu`. */
  backend?: NativeBackendName | undefined;
  /** One of the backend's instruction sets; default: the best that this machine runs. */
  isa?: string | undefined;
  /** Of the cpu backend. Default: one per physical core. */
  threads?: number | undefined;
  /** Folder of the metal backend for what it finds out about a machine; default: it finds out each time. */
  cache?: string | undefined;
}

/**
 * A backend of the library: every operation is one call of it. Handles that are not released live until `close`.
 *
 * @throws NativeError `unavailable` for a backend or an instruction set that this machine lacks
 */
export function openNativeBackend(library: NativeLibrary, options: NativeBackendOptions = {}): NativeBackend {
  const { backend = 'cpu', isa = null, threads = 0, cache = null } = options;
  const device = new NativeDevice(library, { isa, threads, backend, cache });
  return {
    info: { name: backend, isa: device.isa, threads: device.threads },
    linearAlgebra: nativeLinearAlgebra(device),
    allocate: (rows, columns) => createTensor(device, 'allocate', rows, columns),
    upload: (rows, columns, values) => createTensor(device, 'upload', rows, columns, values),
    download: (tensor, into) => download(device, 'download', tensor, into),
    view: viewOf,
    loadWeight: (source) => createWeight(device, source),
    createKvCache: (capacity, kvHeads, headDim) => new NativeKvCache(device, capacity, kvHeads, headDim),
    release: (handle) => {
      release(device, handle);
    },
    close: () => {
      device.close();
    },
    embedding: (out, table, tokenIds, settings) => {
      embedding(device, out, table, tokenIds, settings);
    },
    rmsNorm: (out, x, gain, settings) => {
      rmsNorm(device, out, x, gain, settings);
    },
    rope: (x, settings) => {
      rope(device, x, settings);
    },
    attention: (out, q, k, v, cache, settings) => attention(device, [out, q, k, v], cache, settings),
    siluMul: (out, gate, up) => {
      elementwise(device, 'silu_mul', out, gate, up);
    },
    geluTanhMul: (out, gate, up) => {
      elementwise(device, 'gelu_tanh_mul', out, gate, up);
    },
    add: (out, a, b) => {
      elementwise(device, 'add', out, a, b);
    },
    softCap: (x, cap) => {
      softCap(device, x, cap);
    },
    linear: (out, x, weight, settings) => linear(device, out, x, weight, settings),
    quantizePerToken: (x) => quantizePerToken(device, x),
    matmulInt8: (a, b, m, n, k) => matmulInt8(device, a, b, [m, n, k]),
    crossEntropy: (x, head, targets, settings) => crossEntropy(device, x, head, targets, settings),
    divergence: (x, head, baseX, baseHead, settings) => divergence(device, [x, baseX], [head, baseHead], settings),
    argmax: (logits) => argmax(device, logits),
    sample: (logits, settings) => sample(device, logits, settings),
    quantizeRows: (source, codes, scales) => quantizeRows(device, source, codes, scales),
    measurePeak: (seconds) => measurePeak(device, seconds),
    synchronize: () => {
      device.synchronize();
    },
    deviceSeconds: () => device.deviceSeconds(),
  };
}

function release(device: NativeDevice, handle: Tensor | Weight | KvCache): void {
  if (handle instanceof NativeTensor) {
    handle.release(device);
    return;
  }
  const isKnown = handle instanceof NativeWeight || handle instanceof NativeKvCache;
  check(isKnown, 'release', 'the handle is not of this backend');
  device.release(handle.handle);
}
