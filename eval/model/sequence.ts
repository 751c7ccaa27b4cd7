import type { SampleOptions } from '../../kernels/backend.ts';

/** What a sequence needs of its model. Each runs the decoder over tokens that follow those before them. */
export interface SequenceModel {
  append(tokenIds: Int32Array): Promise<void>;
  /** Logits after the last of them, `[vocabSize]`. */
  lastLogits(tokenIds: Int32Array): Promise<Float32Array>;
  /** A token that may follow the last of them. */
  nextToken(tokenIds: Int32Array, options: SampleOptions): Promise<number>;
  release(): void;
}

/** Text that grows: the keys and values of its tokens stay in memory, so that each token is computed once. */
export class DecoderSequence {
  readonly capacity: number;
  readonly #model: SequenceModel;
  #length = 0;
  #closed = false;

  constructor(capacity: number, model: SequenceModel) {
    this.capacity = capacity;
    this.#model = model;
  }

  /** Tokens so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * Appends several tokens in one pass. After an error the sequence is of no more use.
   *
   * @throws RangeError if they are none or too many; InputError `E_TOKEN_ID`
   */
  async append(tokenIds: Int32Array): Promise<void> {
    this.#grow(tokenIds.length);
    await this.#model.append(tokenIds);
  }

  /** Appends tokens as `append` does. @returns logits after the last of them, `[vocabSize]` */
  async prefill(tokenIds: Int32Array): Promise<Float32Array> {
    this.#grow(tokenIds.length);
    return this.#model.lastLogits(tokenIds);
  }

  /** Appends one token. @returns logits after it, `[vocabSize]` */
  decodeStep(tokenId: number): Promise<Float32Array> {
    return this.prefill(Int32Array.of(tokenId));
  }

  /**
   * Appends tokens as `append` does, and picks one that may follow; the logits stay in memory of the backend.
   *
   * @throws InputError `E_NON_FINITE_LOGITS`
   */
  async nextToken(tokenIds: Int32Array, options: SampleOptions): Promise<number> {
    this.#grow(tokenIds.length);
    return this.#model.nextToken(tokenIds, options);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#model.release();
  }

  #grow(tokens: number): void {
    if (this.#closed) throw new RangeError('the sequence was closed');
    const length = this.#length + tokens;
    if (tokens === 0) throw new RangeError('there are no tokens to append');
    if (length > this.capacity) throw new RangeError(`${length} tokens are more than the sequence's ${this.capacity}`);
    this.#length = length;
  }
}
