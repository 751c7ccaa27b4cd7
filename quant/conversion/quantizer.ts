import { parentPort } from 'node:worker_threads';
import { quantizeRows } from '../schemes/quantize-rows.ts';
import type { FloatRows, WeightScheme } from '../schemes/scheme.ts';

/** Fills codes and scales as `quantizeRows` does, to the bit. */
export type RowQuantizer = (source: FloatRows, scheme: WeightScheme, codes: Int8Array, scales: Float32Array) => void;

/**
 * The same by something faster that only one thread may call. The arrays are in shared memory. It may refuse: its
 * rejection leads to `quantizeRows`, which tells what is wrong with the weights, or does the work.
 */
export type SharedQuantizer = (...args: Parameters<RowQuantizer>) => Promise<void>;

/** What a worker thread asks the thread that started it; the answer arrives in `state`. */
export interface QuantizeRequest {
  kind: 'quantize';
  args: Parameters<RowQuantizer>;
  state: Int32Array;
}

const [WAITING, DONE, REFUSED] = [0, 1, 2];

/** For worker threads: has the rows quantized by the thread that started this one, and sleeps until they are. */
export const quantizeElsewhere: RowQuantizer = (source, scheme, codes, scales) => {
  const state = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const request: QuantizeRequest = { kind: 'quantize', args: [source, scheme, codes, scales], state };
  parentPort?.postMessage(request);
  Atomics.wait(state, 0, WAITING);
  if (state[0] !== DONE) quantizeRows(source, scheme, codes, scales);
};

/** Does what a worker thread asked for, and wakes it. */
export async function answer({ args, state }: QuantizeRequest, quantizer: SharedQuantizer): Promise<void> {
  const outcome = await quantizer(...args).then(
    () => DONE,
    () => REFUSED,
  );
  Atomics.store(state, 0, outcome);
  Atomics.notify(state, 0);
}
