import type { KvCache } from '../backend.ts';
import { check, checkSize } from '../check.ts';
import type { NativeDevice } from './device.ts';
import type { NativeHandle } from './handle.ts';

/** Keys and values of one layer in memory of the library. */
export class NativeKvCache implements KvCache {
  readonly capacity: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly handle: NativeHandle<'kv_cache'>;
  readonly #device: NativeDevice;

  constructor(device: NativeDevice, capacity: number, kvHeads: number, headDim: number) {
    checkSize('createKvCache', 'capacity', capacity);
    checkSize('createKvCache', 'kvHeads', kvHeads);
    checkSize('createKvCache', 'headDim', headDim);
    this.capacity = capacity;
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    this.#device = device;
    this.handle = device.createKvCache(capacity, kvHeads, headDim);
  }

  get length(): number {
    return this.#device.lengthOf(this.handle);
  }
}

export function kvCacheOf(operation: string, handle: KvCache): NativeKvCache {
  check(handle instanceof NativeKvCache, operation, 'the KV cache is not of this backend');
  return handle;
}
