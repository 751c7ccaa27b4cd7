import { isUtf8 } from 'node:buffer';
import { InputError } from '../errors.ts';
import { quoted } from './quoted.ts';

/** Objects are maps, so that keys like `__proto__` and `constructor` are plain data. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export type JsonObject = ReadonlyMap<string, JsonValue>;

/** What a document may cost. Each kind of file states its own, with the reason. */
export interface JsonLimits {
  maxBytes: number;
  /** Objects and arrays inside one another; the outermost is 1. */
  maxDepth: number;
  /** UTF-8 bytes of one key as it stands in the file. */
  maxKeyBytes: number;
  /** Values of all kinds together: what the document takes in memory is proportional to it. */
  maxValues: number;
  /** `integers`: a number with a fraction or an exponent, and one over 2^53 - 1, is refused. */
  numbers: 'integers' | 'any';
}

/**
 * Parses JSON that nobody vouches for. Stricter than `JSON.parse`, which keeps the last of duplicate keys, turns
 * 2^53 + 1 into 2^53 and 1e400 into Infinity, and takes any depth: all of these are refused here, as are invalid UTF-8,
 * a byte order mark and lone surrogates.
 *
 * @param file how messages name the document
 * @throws InputError `E_JSON_*`, naming file, keys on the way, offset and limit
 */
export function parseJson(bytes: Uint8Array, file: string, limits: JsonLimits): JsonValue {
  if (bytes.byteLength > limits.maxBytes) {
    throw new InputError(`${file}: ${bytes.byteLength} bytes of JSON are over the limit of ${limits.maxBytes}`, {
      code: 'E_JSON_TOO_LARGE',
      details: { file, bytes: bytes.byteLength, limit: limits.maxBytes },
    });
  }
  return new JsonParser(bytes, file, limits).parseDocument();
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

export function isJsonArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** Longer than any number that a program prints; keeps the exactness check below cheap. */
const MAX_NUMBER_LENGTH = 128;

const numberGrammar = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const integerGrammar = /^(?:0|-?[1-9]\d*)$/;
const literals = { true: true, false: false, null: null };
const shortEscapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

const character = (text: string): number => text.charCodeAt(0);
const QUOTE = character('"');
const BACKSLASH = character('\\');
const COMMA = character(',');
const COLON = character(':');
const OPEN_BRACE = character('{');
const CLOSE_BRACE = character('}');
const OPEN_BRACKET = character('[');
const CLOSE_BRACKET = character(']');

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isLetter = (byte: number): boolean => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
const isNumberByte = (byte: number): boolean =>
  isDigit(byte) || isLetter(byte) || byte === 0x2b || byte === 0x2d || byte === 0x2e;

/** Recursive descent over the bytes; strings are decoded one by one, so that no text of the whole document is kept. */
class JsonParser {
  private readonly buffer: Buffer;
  private readonly file: string;
  private readonly limits: JsonLimits;
  private readonly keys: string[] = [];
  private at = 0;
  private depth = 0;
  private values = 0;

  constructor(bytes: Uint8Array, file: string, limits: JsonLimits) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.file = file;
    this.limits = limits;
  }

  parseDocument(): JsonValue {
    const { buffer } = this;
    if (buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf) {
      this.fail('E_JSON_BOM', 'the document starts with a byte order mark');
    }
    if (!isUtf8(buffer)) this.fail('E_JSON_ENCODING', 'the document is not valid UTF-8');
    const value = this.parseValue();
    this.skipSpace();
    if (this.at < buffer.length) this.fail('E_JSON_SYNTAX', 'there is more text after the end of the document');
    return value;
  }

  private parseValue(): JsonValue {
    if (++this.values > this.limits.maxValues) {
      this.fail('E_JSON_TOO_MANY_VALUES', `more than ${this.limits.maxValues} values`);
    }
    this.skipSpace();
    const first = this.buffer[this.at];
    if (first === OPEN_BRACE) return this.nested(() => this.parseObject());
    if (first === OPEN_BRACKET) return this.nested(() => this.parseArray());
    if (first === QUOTE) return this.parseString(Infinity);
    return this.parseWord();
  }

  private nested<T>(parse: () => T): T {
    if (++this.depth > this.limits.maxDepth) {
      this.fail('E_JSON_DEPTH', `values are nested deeper than ${this.limits.maxDepth}`);
    }
    this.at++;
    const value = parse();
    this.depth--;
    return value;
  }

  private parseObject(): JsonObject {
    const members = new Map<string, JsonValue>();
    if (this.take(CLOSE_BRACE)) return members;
    do {
      this.skipSpace();
      if (this.buffer[this.at] !== QUOTE) this.failUnexpected('a key in quotes');
      const key = this.parseString(this.limits.maxKeyBytes);
      if (members.has(key)) this.fail('E_JSON_DUPLICATE_KEY', `the key ${quoted(key)} occurs twice`);
      if (!this.take(COLON)) this.failUnexpected('":"');
      this.keys.push(key);
      members.set(key, this.parseValue());
      this.keys.pop();
    } while (this.take(COMMA));
    if (!this.take(CLOSE_BRACE)) this.failUnexpected('"," or "}"');
    return members;
  }

  private parseArray(): readonly JsonValue[] {
    const items: JsonValue[] = [];
    if (this.take(CLOSE_BRACKET)) return items;
    do items.push(this.parseValue());
    while (this.take(COMMA));
    if (!this.take(CLOSE_BRACKET)) this.failUnexpected('"," or "]"');
    return items;
  }

  private parseString(maxBytes: number): string {
    const { buffer } = this;
    const start = ++this.at;
    let text = '';
    let plainFrom = start;
    for (;;) {
      const byte = buffer[this.at];
      if (this.at >= buffer.length || byte < 0x20) this.failUnexpected('the end of a string');
      if (this.at - start > maxBytes) this.fail('E_JSON_KEY_TOO_LONG', `a key is longer than ${maxBytes} bytes`);
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) {
        text += buffer.toString('utf8', plainFrom, this.at) + this.parseEscape();
        plainFrom = this.at;
      } else {
        this.at++;
      }
    }
    text += buffer.toString('utf8', plainFrom, this.at);
    this.at++;
    return text;
  }

  private parseEscape(): string {
    const kind = this.buffer.toString('latin1', this.at + 1, this.at + 2);
    if (kind !== 'u') {
      if (!Object.hasOwn(shortEscapes, kind)) this.failUnexpected('an escape');
      this.at += 2;
      return shortEscapes[kind];
    }
    const unit = this.parseCodeUnit();
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit);
    const isHigh = unit < 0xdc00;
    const low = isHigh && this.buffer.toString('latin1', this.at, this.at + 2) === '\\u' ? this.parseCodeUnit() : 0;
    if (low < 0xdc00 || low > 0xdfff) this.fail('E_JSON_SURROGATE', 'a string holds half of a surrogate pair');
    return String.fromCharCode(unit, low);
  }

  private parseCodeUnit(): number {
    const digits = this.buffer.toString('latin1', this.at + 2, this.at + 6);
    if (!/^[\da-fA-F]{4}$/.test(digits)) this.failUnexpected('an escape of four hexadecimal digits');
    this.at += 6;
    return parseInt(digits, 16);
  }

  /** A number, `true`, `false` or `null`. */
  private parseWord(): JsonValue {
    const start = this.at;
    while (this.at < this.buffer.length && isNumberByte(this.buffer[this.at])) this.at++;
    const length = this.at - start;
    const word = this.buffer.toString('latin1', start, start + Math.min(length, MAX_NUMBER_LENGTH));
    if (Object.hasOwn(literals, word)) return literals[word as keyof typeof literals];
    this.at = start;
    if (!numberGrammar.test(word)) this.failUnexpected('a value');
    if (length > MAX_NUMBER_LENGTH) this.failNumber(word, `longer than ${MAX_NUMBER_LENGTH} characters`);
    const value = Number(word);
    const isInteger = integerGrammar.test(word);
    if (this.limits.numbers === 'integers') {
      if (!isInteger) this.failNumber(word, 'not an integer');
      if (!Number.isSafeInteger(value)) this.failNumber(word, 'beyond 2^53 - 1');
    } else {
      if (!Number.isFinite(value)) this.failNumber(word, 'too large for a 64-bit float');
      // 10^30, which tokenizers write for "no limit", is a float exactly; 2^53 + 1 is not.
      if (isInteger && !Number.isSafeInteger(value) && BigInt(word) !== BigInt(value)) {
        this.failNumber(word, 'not exact as a 64-bit float');
      }
    }
    this.at = start + length;
    return value;
  }

  private take(byte: number): boolean {
    this.skipSpace();
    if (this.buffer[this.at] !== byte) return false;
    this.at++;
    return true;
  }

  private skipSpace(): void {
    while (isSpace(this.buffer[this.at])) this.at++;
  }

  private failNumber(word: string, reason: string): never {
    this.fail('E_JSON_NUMBER', `the number ${quoted(word).slice(1, -1)} is ${reason}`);
  }

  private failUnexpected(wanted: string): never {
    const end = Math.min(this.at + 16, this.buffer.length);
    const found = this.at < end ? quoted(this.buffer.toString('utf8', this.at, end)) : 'the end of the text';
    this.fail('E_JSON_SYNTAX', `expected ${wanted}, found ${found}`);
  }

  private fail(code: string, reason: string): never {
    const at = this.keys.length === 0 ? '' : `in ${this.keys.map((key) => quoted(key)).join('.')}, `;
    throw new InputError(`${this.file}: ${at}byte ${this.at}: ${reason}`, {
      code,
      details: { file: this.file, offset: this.at, keys: this.keys.slice(0, this.limits.maxDepth) },
    });
  }
}
