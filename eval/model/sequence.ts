/** What a sequence needs of its model. */
export interface SequenceModel {
  /** Runs the decoder over tokens that follow those before them; logits after the last one, `[vocabSize]`. */
  lastLogits(tokenIds: Int32Array): Promise<Float32Array>;
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
   * @returns logits after the last of them, `[vocabSize]`
   * @throws RangeError if they are none or too many; InputError `E_TOKEN_ID`
   */
  async prefill(tokenIds: Int32Array): Promise<Float32Array> {
    if (this.#closed) throw new RangeError('the sequence was closed');
    const length = this.#length + tokenIds.length;
    if (tokenIds.length === 0) throw new RangeError('there are no tokens to append');
    if (length > this.capacity) throw new RangeError(`${length} tokens are more than the sequence's ${this.capacity}`);
    this.#length = length;
    return this.#model.lastLogits(tokenIds);
  }

  /** Appends one token: the step of generation. @returns logits after it, `[vocabSize]` */
  decodeStep(tokenId: number): Promise<Float32Array> {
    return this.prefill(Int32Array.of(tokenId));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#model.release();
  }
}
