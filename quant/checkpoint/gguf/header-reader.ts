import { isUtf8 } from 'node:buffer';
import { quoted } from '../quoted.ts';
import { failGguf } from './failure.ts';
import { MAX_HEADER_BYTES } from './limits.ts';

/** A file as its header is read from it. */
export interface HeaderSource {
  /** Basename, for messages. */
  readonly name: string;
  readonly bytes: number;
  /** Fills `into` from `offset` and returns it. */
  readAt(into: Uint8Array, offset: number): Uint8Array;
}

/** Read from the file at a time, or as much as one string needs. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Little-endian values one after the other from the start of a file, in chunks, so that a header is never whole in
 * memory. Nothing is allocated for a length before it is known that the file has as many bytes left.
 */
export class HeaderReader {
  readonly source: HeaderSource;
  private chunk: Buffer = Buffer.alloc(0);
  /** Place of the chunk in the file. */
  private chunkStart = 0;
  private at = 0;
  /** What is being read, for messages: `the value of "general.name"`. */
  private what = 'the header';

  constructor(source: HeaderSource) {
    this.source = source;
  }

  /** Bytes of the file before the next value. */
  get position(): number {
    return this.chunkStart + this.at;
  }

  get remaining(): number {
    return this.source.bytes - this.position;
  }

  /** Names what is read from here on. */
  begin(what: string): void {
    this.what = what;
  }

  u8(): number {
    return this.take(1).readUInt8();
  }

  i8(): number {
    return this.take(1).readInt8();
  }

  u16(): number {
    return this.take(2).readUInt16LE();
  }

  i16(): number {
    return this.take(2).readInt16LE();
  }

  u32(): number {
    return this.take(4).readUInt32LE();
  }

  i32(): number {
    return this.take(4).readInt32LE();
  }

  f32(): number {
    return this.take(4).readFloatLE();
  }

  u64(): bigint {
    return this.take(8).readBigUInt64LE();
  }

  i64(): bigint {
    return this.take(8).readBigInt64LE();
  }

  f64(): number {
    return this.take(8).readDoubleLE();
  }

  /**
   * A count of things that take at least `bytesEach` bytes of the rest of the file.
   *
   * @throws InputError `E_GGUF_TRUNCATED` if the file cannot hold as many, `code` over the limit
   */
  count(bytesEach: number, limit: number, code: `E_GGUF_${string}`, unit: string): number {
    const count = this.u64();
    if (count > BigInt(limit)) {
      this.fail(code, `${this.what} has ${count} ${unit}, over the limit of ${limit}`, {
        value: String(count),
        limit,
      });
    }
    if (count * BigInt(bytesEach) > BigInt(this.remaining)) {
      this.failTruncated(`${count} ${unit}`);
    }
    return Number(count);
  }

  /** A string of at most `limit` bytes. @throws InputError `E_GGUF_STRING_LENGTH`, `E_GGUF_ENCODING` */
  string(limit: number): string {
    const length = this.count(1, limit, 'E_GGUF_STRING_LENGTH', 'bytes');
    const bytes = this.take(length);
    if (!isUtf8(bytes)) this.fail('E_GGUF_ENCODING', `${this.what} is not valid UTF-8`);
    return bytes.toString('utf8');
  }

  /** @throws InputError always */
  fail(code: `E_GGUF_${string}`, message: string, details = {}): never {
    failGguf(this.source.name, code, message, { offset: this.position, ...details });
  }

  private take(length: number): Buffer {
    if (this.at + length > this.chunk.length) this.refill(length);
    const taken = this.chunk.subarray(this.at, this.at + length);
    this.at += length;
    return taken;
  }

  private refill(needed: number): void {
    const { position, remaining } = this;
    if (needed > remaining) this.failTruncated(`${needed} bytes`);
    if (position + needed > MAX_HEADER_BYTES) {
      this.fail('E_GGUF_HEADER_TOO_LARGE', `the header goes on beyond the limit of ${MAX_HEADER_BYTES} bytes`, {
        limit: MAX_HEADER_BYTES,
      });
    }
    const bytes = Buffer.alloc(Math.min(Math.max(needed, CHUNK_BYTES), remaining));
    this.source.readAt(bytes, position);
    this.chunk = bytes;
    this.chunkStart = position;
    this.at = 0;
  }

  private failTruncated(wanted: string): never {
    failGguf(
      this.source.name,
      'E_GGUF_TRUNCATED',
      `${this.what} wants ${wanted} at offset ${this.position} of a file of ${this.source.bytes} bytes`,
      { offset: this.position, bytes: this.source.bytes },
      'the download may be incomplete; download the file again',
    );
  }
}

/** A name from the file, for `HeaderReader.begin`. */
export const valueOf = (key: string): string => `the value of ${quoted(key)}`;
