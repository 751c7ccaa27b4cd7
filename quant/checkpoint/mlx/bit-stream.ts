import type { MlxBits } from './scheme.ts';

/**
 * Packing of MLX: code i of a row takes the bits [i·b, i·b + b) of the row's bit stream, least significant first, in
 * little-endian 32-bit words. Rows have a multiple of 32 codes and so end with a word, at every number of bits.
 */

/** 32-bit words that a row of `columns` codes takes. */
export function mlxWords(columns: number, bits: MlxBits): number {
  return (columns * bits) / 32;
}

/** @param packed bytes of U32 `[rows, mlxWords(columns, bits)]` @returns codes `[rows, columns]`, one an element */
export function unpackBits(packed: Uint8Array, count: number, bits: MlxBits): Uint8Array {
  checkLength(packed.length, (count * bits) / 8);
  if (bits === 8) return packed;
  const codes = new Uint8Array(count);
  if (bits === 4) {
    for (let i = 0; i < packed.length; i++) {
      codes[2 * i] = packed[i] & 15;
      codes[2 * i + 1] = packed[i] >> 4;
    }
    return codes;
  }
  const mask = 2 ** bits - 1;
  let pending = 0;
  let pendingBits = 0;
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (pendingBits < bits) {
      pending |= packed[at++] << pendingBits;
      pendingBits += 8;
    }
    codes[i] = pending & mask;
    pending >>= bits;
    pendingBits -= bits;
  }
  return codes;
}

/** The inverse of `unpackBits`, for the bits that cider writes. */
export function packBits(codes: Uint8Array, bits: 8 | 4): Uint8Array {
  if (bits === 8) return codes;
  const packed = new Uint8Array(codes.length / 2);
  for (let i = 0; i < packed.length; i++) packed[i] = codes[2 * i] | (codes[2 * i + 1] << 4);
  return packed;
}

function checkLength(found: number, expected: number): void {
  if (found !== expected) throw new RangeError(`${found} packed bytes, expected ${expected}`);
}
