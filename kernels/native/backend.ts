import type { Backend, KvCache, Tensor, Weight } from '../backend.ts';
import type { NativeLibrary } from '../native.ts';
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
import { createTensor, download, NativeTensor, viewOf } from './tensor.ts';
import { argmax, crossEntropy, divergence, sample } from './tokens.ts';
import { createWeight, NativeWeight } from './weight.ts';

/** A backend of the library, with what else the library can do. */
export interface NativeBackend extends Backend {
  /** Codes and scales of weight rows by min-max; the arrays are the library's until the promise is settled. */
  quantizeRows(source: RowsToQuantize, codes: Int8Array, scales: Float32Array): Promise<void>;
  /** Measures what the machine gives at most, for some four times `seconds`. */
  measurePeak(seconds: number): MachinePeak;
}

export interface NativeBackendOptions {
  /** One of the library's instruction sets; default: the best that this machine runs. */
  isa?: string | undefined;
  /** Default: one per physical core. */
  threads?: number | undefined;
}

/**
 * The `cpu` backend: every operation is one call of the library. Handles that are not released live until `close`.
 *
 * @throws NativeError `unavailable` for an instruction set that this machine lacks
 */
export function openNativeBackend(library: NativeLibrary, options: NativeBackendOptions = {}): NativeBackend {
  const device = new NativeDevice(library, { isa: options.isa ?? null, threads: options.threads ?? 0 });
  return {
    info: { name: 'cpu', isa: device.isa, threads: device.threads },
    allocate: (rows, columns) => createTensor(device, 'allocate', rows, columns),
    upload: (rows, columns, values) => createTensor(device, 'upload', rows, columns, values),
    download: (tensor) => download(device, 'download', tensor),
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
