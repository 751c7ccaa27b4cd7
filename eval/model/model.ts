import type { Backend, KvCache, LinearOptions, Tensor } from '../../kernels/backend.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { InputError } from '../../quant/errors.ts';
import type { DecoderWeights } from './decoder-weights.ts';
import { forward, type ForwardContext } from './forward.ts';
import { attentionFactor, inverseFrequencies } from './rope.ts';
import { allocateScratch, type Scratch } from './scratch.ts';
import { DecoderSequence } from './sequence.ts';

/**
 * A decoder of the Llama line on a backend. Calls stand for themselves: each starts at position 0 and knows nothing of
 * earlier ones, but for those of a `DecoderSequence`. They must follow one another, as they share their scratch memory.
 */
export class DecoderModel {
  readonly config: ModelConfig;
  /** Bytes of all weights in their stored form. */
  readonly modelBytes: number;
  readonly #backend: Backend;
  readonly #weights: DecoderWeights;
  readonly #rope: ForwardContext['rope'];
  #scratch: Scratch | undefined;

  /** Takes the weights over: `close` releases them. */
  constructor(backend: Backend, config: ModelConfig, weights: DecoderWeights) {
    this.config = config;
    this.modelBytes = weights.bytes;
    this.#backend = backend;
    this.#weights = weights;
    this.#rope = {
      headDim: config.headDim,
      inverseFrequencies: inverseFrequencies(config.rope, config.headDim),
      attentionFactor: attentionFactor(config.rope),
    };
  }

  /** Logits after each token: `[tokens, vocabSize]`. @throws InputError `E_TOKEN_ID` */
  async logits(tokenIds: Int32Array): Promise<Float32Array> {
    if (tokenIds.length === 0) return new Float32Array(0);
    const { normed } = await this.#forward(tokenIds);
    const logits = this.#backend.allocate(tokenIds.length, this.config.vocabSize);
    try {
      await this.#backend.linear(logits, normed, this.#weights.head);
      return this.#backend.download(logits);
    } finally {
      this.#backend.release(logits);
    }
  }

  /**
   * Negative log-likelihood in nats of each token but the first, given those before it: `[tokens - 1]`.
   *
   * @throws InputError `E_TOKEN_ID`
   */
  async negativeLogLikelihood(tokenIds: Int32Array): Promise<Float64Array> {
    this.#checkTokens(tokenIds);
    if (tokenIds.length < 2) return new Float64Array(0);
    const { normed } = await this.#forward(tokenIds.subarray(0, -1));
    return this.#backend.crossEntropy(normed, this.#weights.head, tokenIds.subarray(1));
  }

  /**
   * A sequence that grows token by token, up to `capacity` of them. It must be closed before the model.
   *
   * @param linear how its single tokens are multiplied
   */
  startSequence(capacity: number, linear: LinearOptions = {}): DecoderSequence {
    const backend = this.#backend;
    const { layers, kvHeads, headDim, vocabSize } = this.config;
    const caches = Array.from({ length: layers }, () => backend.createKvCache(capacity, kvHeads, headDim));
    const logits = backend.allocate(1, vocabSize);
    const past = { caches, linear };
    return new DecoderSequence(capacity, {
      lastLogits: async (tokenIds) => {
        await this.#lastLogits(logits, tokenIds, past);
        return backend.download(logits);
      },
      release: () => {
        for (const handle of [...caches, logits]) backend.release(handle);
      },
    });
  }

  close(): void {
    this.#scratch?.release();
    this.#scratch = undefined;
    for (const handle of this.#weights.handles) this.#backend.release(handle);
  }

  /** Fills `logits`, `[1, vocabSize]`, with those after the last token. */
  async #lastLogits(logits: Tensor, tokenIds: Int32Array, past: Past): Promise<void> {
    const backend = this.#backend;
    const { hiddenSize } = this.config;
    const { rows, normed } = await this.#forward(tokenIds, past);
    // A backend has no view of one row among several; a single one needs none.
    const last = rows === 1 ? normed : backend.upload(1, hiddenSize, backend.download(normed).subarray(-hiddenSize));
    try {
      await backend.linear(logits, last, this.#weights.head, past.linear);
    } finally {
      if (last !== normed) backend.release(last);
    }
  }

  async #forward(tokenIds: Int32Array, past?: Past): Promise<Scratch> {
    this.#checkTokens(tokenIds);
    const scratch = this.#scratchFor(tokenIds.length);
    const [backend, config, weights, rope] = [this.#backend, this.config, this.#weights, this.#rope];
    const linear = past?.linear ?? {};
    await forward({ backend, config, weights, rope, scratch, linear }, tokenIds, past?.caches);
    return scratch;
  }

  #scratchFor(rows: number): Scratch {
    if (this.#scratch?.rows === rows) return this.#scratch;
    this.#scratch?.release();
    this.#scratch = undefined;
    return (this.#scratch = allocateScratch(this.#backend, this.config, rows));
  }

  #checkTokens(tokenIds: Int32Array): void {
    const { vocabSize } = this.config;
    const position = tokenIds.findIndex((id) => id < 0 || id >= vocabSize);
    if (position === -1) return;
    const id = tokenIds[position];
    throw new InputError(`token ${id} at position ${position} is outside the vocabulary of ${vocabSize} tokens`, {
      code: 'E_TOKEN_ID',
      hint: 'tokenizer.json and the weights may belong to different models',
      details: { position, value: id, limit: vocabSize },
    });
  }
}

/** What a sequence has when tokens are appended to it. */
interface Past {
  caches: readonly KvCache[];
  linear: LinearOptions;
}
