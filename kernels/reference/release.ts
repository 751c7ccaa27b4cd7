import type { KvCache, Tensor, Weight } from '../backend.ts';
import { check } from '../check.ts';
import { ReferenceKvCache } from './kv-cache.ts';
import { ReferenceTensor } from './tensor.ts';
import { ReferenceWeight } from './weight.ts';

/** Lets go of the memory behind a handle; using it afterwards is a `RangeError`, releasing it again is not. */
export function releaseHandle(handle: Tensor | Weight | KvCache): void {
  check(
    handle instanceof ReferenceTensor || handle instanceof ReferenceWeight || handle instanceof ReferenceKvCache,
    'release',
    'the handle is not of this backend',
  );
  handle.release();
}
