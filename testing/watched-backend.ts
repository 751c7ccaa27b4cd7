import type { Backend } from '../kernels/backend.ts';
import { openReferenceBackend } from '../kernels/reference/backend.ts';

/** The reference backend, and the handles that it gave out and did not get back. */
export function watchedBackend(): { backend: Backend; held: Set<object> } {
  const inner = openReferenceBackend();
  const held = new Set<object>();
  const watch = <Handle extends object>(handle: Handle): Handle => {
    held.add(handle);
    return handle;
  };
  const backend: Backend = {
    ...inner,
    allocate: (rows, columns) => watch(inner.allocate(rows, columns)),
    upload: (rows, columns, values) => watch(inner.upload(rows, columns, values)),
    view: (tensor, rows, columns) => watch(inner.view(tensor, rows, columns)),
    loadWeight: (source) => watch(inner.loadWeight(source)),
    createKvCache: (capacity, kvHeads, headDim) => watch(inner.createKvCache(capacity, kvHeads, headDim)),
    release: (handle) => {
      held.delete(handle);
      inner.release(handle);
    },
  };
  return { backend, held };
}
