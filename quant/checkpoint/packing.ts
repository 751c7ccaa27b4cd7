import { signedCodes } from '../schemes/symmetric-as-affine.ts';
import { unpackRows, wordsOf } from './bit-stream.ts';

/**
 * Dense packing of compressed-tensors' `pack-quantized`: element i of a row takes the bits [i·b, i·b + b) of the row's
 * bit stream, least significant first, as code + 2^(b-1); rows are padded with zeros to whole 32-bit words. At 4 and 8
 * bits nothing crosses a byte, so the words are handled as their little-endian bytes.
 */

/** 32-bit words that a row of `columns` codes takes. */
export function packedWords(columns: number, bits: 8 | 4): number {
  return wordsOf('dense', columns, bits);
}

/**
 * Packs codes `[rows, columns]`, each in -2^(bits-1) … 2^(bits-1) - 1, into the bytes of I32
 * `[rows, packedWords(columns, bits)]`.
 */
export function packCodes(codes: Int8Array, rows: number, columns: number, bits: 8 | 4): Uint8Array {
  if (codes.length !== rows * columns) throw new RangeError(`${codes.length} codes, expected ${rows * columns}`);
  const stride = packedWords(columns, bits) * 4;
  const packed = new Uint8Array(rows * stride);
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    const to = row * stride;
    if (bits === 8) {
      for (let k = 0; k < columns; k++) packed[to + k] = codes[from + k] + 128;
    } else {
      for (let k = 0; k < columns; k++) packed[to + (k >> 1)] |= (codes[from + k] + 8) << ((k & 1) * 4);
    }
  }
  return packed;
}

/** The inverse of `packCodes`; whatever stands in the padding is ignored, as by other readers. */
export function unpackCodes(packed: Uint8Array, rows: number, columns: number, bits: 8 | 4): Int8Array {
  return signedCodes(unpackRows(packed, rows, columns, bits, 'dense'), bits);
}

/** Packs unsigned codes without padding: rows of whole words. */
export function packUnsigned(codes: Uint8Array, bits: 8 | 4): Uint8Array {
  if (bits === 8) return codes;
  const packed = new Uint8Array(codes.length / 2);
  for (let i = 0; i < packed.length; i++) packed[i] = codes[2 * i] | (codes[2 * i + 1] << 4);
  return packed;
}
