const FIRST_BYTES = 16 * 1024;

/** Little-endian values one after the other, in one piece of memory. */
export class ByteWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;

  u32(value: number): void {
    this.#reserve(4);
    this.#at = this.#buffer.writeUInt32LE(value >>> 0, this.#at);
  }

  u64(value: bigint): void {
    this.integer(value, 8);
  }

  /** The lowest bytes of a value of either sign. */
  integer(value: bigint, width: number): void {
    this.#reserve(8);
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#at);
    this.#at += width;
  }

  /** UTF-8, after its length in 64 bits. */
  text(text: string, withLength = true): void {
    const bytes = Buffer.byteLength(text);
    if (withLength) this.u64(BigInt(bytes));
    this.#reserve(bytes);
    this.#at += this.#buffer.write(text, this.#at);
  }

  /** What was written; the writer is done. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#at);
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * this.#buffer.length + count);
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }
}
