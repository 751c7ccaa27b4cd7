/**
 * Dense packing of compressed-tensors' `pack-quantized`: element i of a row takes the bits [i·b, i·b + b) of the row's
 * bit stream, least significant first, as code + 2^(b-1); rows are padded with zeros to whole 32-bit words. At 4 and 8
 * bits nothing crosses a byte, so the words are handled as their little-endian bytes.
 */

/** 32-bit words that a row of `columns` codes takes. */
export function packedWords(columns: number, bits: 8 | 4): number {
  return Math.ceil((columns * bits) / 32);
}

/**
 * Packs codes `[rows, columns]`, each in -2^(bits-1) … 2^(bits-1) - 1, into the bytes of I32
 * `[rows, packedWords(columns, bits)]`.
 */
export function packCodes(codes: Int8Array, rows: number, columns: number, bits: 8 | 4): Uint8Array {
  checkLength('codes', codes.length, rows * columns);
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
  const stride = packedWords(columns, bits) * 4;
  checkLength('packed bytes', packed.length, rows * stride);
  const codes = new Int8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const from = row * stride;
    const to = row * columns;
    if (bits === 8) {
      for (let k = 0; k < columns; k++) codes[to + k] = packed[from + k] - 128;
    } else {
      for (let k = 0; k < columns; k++) codes[to + k] = ((packed[from + (k >> 1)] >> ((k & 1) * 4)) & 15) - 8;
    }
  }
  return codes;
}

function checkLength(what: string, found: number, expected: number): void {
  if (found !== expected) throw new RangeError(`${found} ${what}, expected ${expected}`);
}
