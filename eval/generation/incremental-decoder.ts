/** Text of token ids, without special tokens: what `Tokenizer.decode` does. */
export type Decode = (ids: readonly number[]) => string;

/** What a decoder makes of bytes that are no character, or not yet one. */
const REPLACEMENT = '\ufffd';

/**
 * Text of tokens that come one after the other, for a screen: a character of which bytes are missing waits for the token
 * that brings them. All pieces together are the text of all tokens.
 */
export class IncrementalDecoder {
  readonly #decode: Decode;
  /** The last token whose text is complete: some decoders treat the first token of a text otherwise than later ones. */
  #context: readonly number[] = [];
  /** Those after it. */
  #waiting: number[] = [];
  /** How many characters of the waiting ones were given out. */
  #given = 0;

  constructor(decode: Decode) {
    this.#decode = decode;
  }

  /** @returns the text that is complete with this token; often that of the token, and '' while bytes are missing */
  push(id: number): string {
    this.#waiting.push(id);
    const text = this.#waitingText();
    const complete = text.endsWith(REPLACEMENT) ? text.slice(0, -1) : text;
    const fresh = complete.slice(this.#given);
    this.#given += fresh.length;
    // Tokens without a text of their own, as special ones are, are no context.
    if (fresh !== '' && complete === text) {
      this.#context = [id];
      this.#waiting = [];
      this.#given = 0;
    }
    return fresh;
  }

  /** @returns what is left at the end: a replacement character if the last one was never completed, or nothing */
  finish(): string {
    const rest = this.#waitingText().slice(this.#given);
    this.#given += rest.length;
    return rest;
  }

  #waitingText(): string {
    return this.#decode([...this.#context, ...this.#waiting]).slice(this.#decode(this.#context).length);
  }
}
