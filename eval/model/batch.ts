import type { KvCache, SampleOptions, Tensor } from '../../kernels/backend.ts';
import { forward, type ForwardContext } from './forward.ts';
import { pickToken } from './pick-token.ts';
import { allocateScratch, type Scratch } from './scratch.ts';

/**
 * Several texts that grow by one token each at a time, so that each weight is read once for all of them. Weights must be
 * float: activations of quantized layers would be quantized, which single tokens' are not.
 */
export class DecoderBatch {
  readonly capacity: number;
  readonly #context: Omit<ForwardContext, 'linear'>;
  readonly #scratch: Scratch;
  /** One a layer, with the heads of all texts. */
  readonly #caches: readonly KvCache[];
  readonly #logits: Tensor;

  constructor(context: Omit<ForwardContext, 'scratch' | 'linear'>, count: number, capacity: number) {
    const { backend, config } = context;
    const { layers, kvHeads, headDim, vocabSize } = config;
    this.capacity = capacity;
    this.#scratch = allocateScratch(backend, config, count, true);
    this.#caches = Array.from({ length: layers }, () => backend.createKvCache(capacity, count * kvHeads, headDim));
    this.#logits = backend.allocate(count, vocabSize);
    this.#context = { ...context, scratch: this.#scratch };
  }

  /**
   * Appends one token to each text, and picks one that may follow.
   *
   * @param tokenIds of each text, all inside the vocabulary
   * @param options how each one is picked
   * @throws RangeError beyond the capacity; InputError `E_NON_FINITE_LOGITS`
   */
  async nextTokens(tokenIds: Int32Array, options: readonly SampleOptions[]): Promise<Int32Array> {
    const { backend, config, weights } = this.#context;
    const { vocabSize, logitSoftCap } = config;
    await forward({ ...this.#context, linear: {} }, tokenIds, this.#caches);
    await backend.linear(this.#logits, this.#scratch.normed, weights.head);
    if (logitSoftCap !== undefined) backend.softCap(this.#logits, logitSoftCap);
    const logits = backend.download(this.#logits);
    return tokenIds.map((_, text) => {
      // A backend has no view of one row among several.
      const row = backend.upload(1, vocabSize, logits.subarray(text * vocabSize, (text + 1) * vocabSize));
      try {
        return pickToken(backend, row, options[text]);
      } finally {
        backend.release(row);
      }
    });
  }

  close(): void {
    const { backend } = this.#context;
    this.#scratch.release();
    for (const handle of [...this.#caches, this.#logits]) backend.release(handle);
  }
}
