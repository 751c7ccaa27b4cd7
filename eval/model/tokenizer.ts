import { createHash } from 'node:crypto';
import type { ModelDocuments } from '../../quant/checkpoint/stored-model.ts';
import { InputError, NotFoundError } from '../../quant/errors.ts';
import { encodeInWorker } from './encode-in-worker.ts';
import { unsupported } from './tokenizer-definition.ts';
import { createTokenizer, type LibraryTokenizer } from './tokenizer-library.ts';

export interface TokenizerOptions {
  /** Rows of the model's embedding: a token without one is an error. */
  vocabSize: number;
}

export interface DecodeOptions {
  /** Leaves out BOS, ends of turns and the like. */
  skipSpecialTokens?: boolean;
}

const FILE = 'tokenizer.json';

/** The largest in use, of 262,144 tokens, has 33 MB (Gemma 3). */
const MAX_TOKENIZER_BYTES = 64 * 1024 * 1024;

/** Stands for a text while the post-processor is asked what it adds. */
const SENTINEL = '\u0000text';

/**
 * Loads `tokenizer.json` of a model.
 *
 * @throws NotFoundError `E_TOKENIZER_MISSING`; InputError `E_FILE_TOO_LARGE`, `E_TOKENIZER_*`
 */
export function loadTokenizer(documents: ModelDocuments, { vocabSize }: TokenizerOptions): Tokenizer {
  return new Tokenizer(readText(documents), vocabSize);
}

/**
 * SHA-256 of `tokenizer.json` of a model, in hexadecimal.
 *
 * @throws NotFoundError `E_TOKENIZER_MISSING`; InputError `E_FILE_TOO_LARGE`, `E_TOKENIZER_UNSUPPORTED`
 */
export const tokenizerSha256 = (documents: ModelDocuments): string => hashOf(readText(documents));

const hashOf = (definition: string): string => createHash('sha256').update(definition).digest('hex');

/** Text to token ids and back, as Hugging Face's `tokenizers` does it. */
export class Tokenizer {
  /** What the post-processor puts before a text: a BOS, or nothing. Whoever encodes adds it, once. */
  readonly prefixIds: readonly number[];
  readonly #definition: string;
  readonly #vocabSize: number;
  readonly #tokenizer: LibraryTokenizer;

  /** `definition` is the text of a tokenizer.json. */
  constructor(definition: string, vocabSize: number) {
    this.#definition = definition;
    this.#vocabSize = vocabSize;
    this.#tokenizer = createTokenizer(definition, FILE);
    this.prefixIds = this.#check(readPrefix(this.#tokenizer));
  }

  /** Of tokenizer.json, in hexadecimal. */
  get sha256(): string {
    return hashOf(this.#definition);
  }

  /** Ids of the whole text, without special tokens around it. For texts of a dataset's size, see `encodeLong`. */
  encode(text: string): Int32Array {
    const { ids } = this.#tokenizer.encode(text, { add_special_tokens: false });
    return Int32Array.from(this.#check(ids));
  }

  /**
   * The same in a thread of its own, which is ended when the time that any sound tokenizer needs is over: a pattern in
   * tokenizer.json can backtrack without end. `limitMs` replaces that time.
   *
   * @throws InputError `E_TOKENIZER_TIMEOUT`
   */
  async encodeLong(text: string, limitMs?: number): Promise<Int32Array> {
    const [ids] = await encodeInWorker(this.#definition, [text], limitMs);
    return this.#check(ids);
  }

  /** `encodeLong` for several texts. */
  async encodeAll(texts: readonly string[]): Promise<Int32Array[]> {
    const encoded = await encodeInWorker(this.#definition, texts);
    return encoded.map((ids) => this.#check(ids));
  }

  /** Text of the ids; those without a token have none, as in vocabularies that are padded. */
  decode(ids: ArrayLike<number>, { skipSpecialTokens = false }: DecodeOptions = {}): string {
    const known = Array.from(ids).filter((id) => this.#tokenizer.id_to_token(id) !== undefined);
    if (known.length === 0) return '';
    return this.#tokenizer.decode(known, {
      clean_up_tokenization_spaces: false,
      skip_special_tokens: skipSpecialTokens,
    });
  }

  /** The special token, such as the end of a turn, that a text begins with; of several the longest. */
  specialTokenAt(text: string): number | undefined {
    const found = this.#tokenizer.all_special_ids
      .map((id) => ({ id, content: this.#tokenizer.id_to_token(id) ?? '' }))
      .filter(({ content }) => content !== '' && text.startsWith(content));
    return found.toSorted((a, b) => b.content.length - a.content.length)[0]?.id;
  }

  #check<Ids extends ArrayLike<number | undefined>>(ids: Ids): Ids & ArrayLike<number> {
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i];
      if (id !== undefined && Number.isInteger(id) && id >= 0 && id < this.#vocabSize) continue;
      throw new InputError(
        `${FILE}: token id ${id ?? 'missing'} is not below the model's vocab_size ${this.#vocabSize}`,
        {
          code: 'E_TOKENIZER_ID',
          hint: 'tokenizer.json and the weights belong to different models',
          details: { file: FILE, id, limit: this.#vocabSize },
        },
      );
    }
    return ids as Ids & ArrayLike<number>;
  }
}

function readText(documents: ModelDocuments): string {
  const bytes = documents.read(FILE, MAX_TOKENIZER_BYTES);
  if (!bytes) {
    throw new NotFoundError(`the model has no ${FILE}`, {
      code: 'E_TOKENIZER_MISSING',
      hint: 'save it from transformers with AutoTokenizer.from_pretrained(model).save_pretrained(folder)',
      details: { file: FILE },
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw unsupported(FILE, 'not valid UTF-8', cause);
  }
}

function readPrefix(tokenizer: LibraryTokenizer): number[] {
  const tokens = tokenizer.post_processor?.post_process([SENTINEL], null, true).tokens ?? [];
  return tokens.slice(0, Math.max(0, tokens.indexOf(SENTINEL))).map((token) => {
    const id = tokenizer.token_to_id(token);
    if (id === undefined) throw unsupported(FILE, `post_processor adds ${JSON.stringify(token)}, which has no id`);
    return id;
  });
}
