import type { Backend, Divergence, KvCache, LinearOptions, Tensor } from '../../kernels/backend.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { InputError } from '../../quant/errors.ts';
import { DecoderBatch } from './batch.ts';
import type { DecoderWeights } from './decoder-weights.ts';
import { forward, layerOutputs, type ForwardContext, type LayerOutput } from './forward.ts';
import { pickToken } from './pick-token.ts';
import { rotations } from './rope.ts';
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
  readonly #rotations: ForwardContext['rotations'];
  #scratch: Scratch | undefined;

  /** Takes the weights over: `close` releases them. */
  constructor(backend: Backend, config: ModelConfig, weights: DecoderWeights) {
    this.config = config;
    this.modelBytes = weights.bytes;
    this.#backend = backend;
    this.#weights = weights;
    this.#rotations = rotations(config);
  }

  /** Logits after each token: `[tokens, vocabSize]`. @throws InputError `E_TOKEN_ID` */
  async logits(tokenIds: Int32Array): Promise<Float32Array> {
    if (tokenIds.length === 0) return new Float32Array(0);
    const { normed } = await this.#forward(tokenIds);
    const logits = this.#backend.allocate(tokenIds.length, this.config.vocabSize);
    try {
      await this.#backend.linear(logits, normed, this.#weights.head);
      this.#capLogits(logits);
      return this.#backend.download(logits);
    } finally {
      this.#backend.release(logits);
    }
  }

  /**
   * Negative log-likelihood in nats of the tokens from `firstTarget` ≥ 1 on, each given those before it:
   * `[tokens - firstTarget]`.
   *
   * @throws InputError `E_TOKEN_ID`
   */
  async negativeLogLikelihood(tokenIds: Int32Array, firstTarget = 1): Promise<Float64Array> {
    this.#checkTokens(tokenIds);
    if (tokenIds.length <= firstTarget) return new Float64Array(0);
    return this.lossesAfter(await this.hiddenStates(tokenIds.subarray(0, -1)), tokenIds, firstTarget);
  }

  /**
   * What the head makes logits of: `[tokens, hiddenSize]`, valid until the model's next call.
   *
   * @throws InputError `E_TOKEN_ID`
   */
  async hiddenStates(tokenIds: Int32Array): Promise<Tensor> {
    const { normed } = await this.#forward(tokenIds);
    return normed;
  }

  /**
   * What each layer makes of the tokens, one output after the other; each is valid until the next is asked for.
   *
   * @throws InputError `E_TOKEN_ID`
   */
  layerOutputs(tokenIds: Int32Array): AsyncGenerator<LayerOutput, void> {
    return layerOutputs(this.#forwardContext(tokenIds, {}), tokenIds);
  }

  /** `negativeLogLikelihood` where the hidden states of all tokens but the last are known. */
  async lossesAfter(hidden: Tensor, tokenIds: Int32Array, firstTarget: number): Promise<Float64Array> {
    const targets = tokenIds.slice(1).fill(-1, 0, firstTarget - 1);
    const losses = await this.#backend.crossEntropy(hidden, this.#weights.head, targets, {
      softCap: this.config.logitSoftCap,
    });
    return losses.subarray(firstTarget - 1);
  }

  /**
   * How far this model's distributions after each token from `firstRow` on are from those of another model on the same
   * backend, `[tokens - firstRow]`.
   *
   * @param hidden of this model, and of the other one after the same tokens
   */
  divergenceFrom(
    other: DecoderModel,
    [hidden, otherHidden]: readonly [Tensor, Tensor],
    firstRow: number,
  ): Promise<Divergence> {
    const softCap = this.config.logitSoftCap;
    const [head, otherHead] = [this.#weights.head, other.#weights.head];
    return this.#backend.divergence(hidden, head, otherHidden, otherHead, { firstRow, softCap });
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
      append: async (tokenIds) => {
        await this.#forward(tokenIds, past);
      },
      lastLogits: async (tokenIds) => {
        await this.#lastLogits(logits, tokenIds, past);
        return backend.download(logits);
      },
      nextToken: async (tokenIds, options) => {
        await this.#lastLogits(logits, tokenIds, past);
        return pickToken(backend, logits, options);
      },
      release: () => {
        for (const handle of [...caches, logits]) backend.release(handle);
      },
    });
  }

  /**
   * Sequences that grow together, up to `capacity` tokens each. They must be closed before the model.
   *
   * @param count how many
   */
  startBatch(count: number, capacity: number): DecoderBatch {
    const [backend, config, weights] = [this.#backend, this.config, this.#weights];
    return new DecoderBatch({ backend, config, weights, rotations: this.#rotations }, count, capacity);
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
      this.#capLogits(logits);
    } finally {
      if (last !== normed) backend.release(last);
    }
  }

  #capLogits(logits: Tensor): void {
    const { logitSoftCap } = this.config;
    if (logitSoftCap !== undefined) this.#backend.softCap(logits, logitSoftCap);
  }

  async #forward(tokenIds: Int32Array, past?: Past): Promise<Scratch> {
    const context = this.#forwardContext(tokenIds, past?.linear ?? {});
    await forward(context, tokenIds, past?.caches);
    return context.scratch;
  }

  #forwardContext(tokenIds: Int32Array, linear: LinearOptions): ForwardContext {
    this.#checkTokens(tokenIds);
    const scratch = this.#scratchFor(tokenIds.length);
    const [backend, config, weights] = [this.#backend, this.config, this.#weights];
    return { backend, config, weights, rotations: this.#rotations, scratch, linear };
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
