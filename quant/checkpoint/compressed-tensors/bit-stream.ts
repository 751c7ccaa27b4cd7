import type { CodeBits } from './layer-scheme.ts';

/**
 * How rows of codes lie in 32-bit words, the lowest bits first: `dense` without a gap, so that codes may lie across two
 * words, as compressed-tensors has it since 0.18; `padded` with as many whole codes a word as fit, as it was before. For
 * 2, 4 and 8 bits both are the same.
 */
export type WordLayout = 'dense' | 'padded';

/** Words that `count` codes take. */
export function wordsOf(layout: WordLayout, count: number, bits: CodeBits): number {
  return layout === 'dense' ? Math.ceil((count * bits) / 32) : Math.ceil(count / Math.floor(32 / bits));
}

/** Where a code of a row begins, in bits. */
function firstBit(layout: WordLayout, index: number, bits: CodeBits): number {
  if (layout === 'dense') return index * bits;
  const perWord = Math.floor(32 / bits);
  return Math.floor(index / perWord) * 32 + (index % perWord) * bits;
}

/**
 * Signed codes `[rows, columns]` of a row-major matrix of words `[rows, wordsOf(layout, columns, bits)]`; a code q is
 * stored as q + 2^(bits - 1). Padding is ignored.
 *
 * @param packed the words as little-endian bytes
 * @throws RangeError if its length does not fit
 */
export function unpackRows(
  packed: Uint8Array,
  rows: number,
  columns: number,
  bits: CodeBits,
  layout: WordLayout,
): Int8Array {
  const stride = wordsOf(layout, columns, bits) * 4;
  if (packed.length !== rows * stride) throw new RangeError(`${packed.length} bytes, expected ${rows * stride}`);
  const codes = new Int8Array(rows * columns);
  const bytes = Uint32Array.from({ length: columns }, (_, k) => firstBit(layout, k, bits) >> 3);
  const shifts = Uint8Array.from({ length: columns }, (_, k) => firstBit(layout, k, bits) & 7);
  const mask = (1 << bits) - 1;
  const offset = 1 << (bits - 1);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < columns; k++) {
      const at = row * stride + bytes[k];
      const shift = shifts[k];
      const field = shift + bits > 8 ? packed[at] | (packed[at + 1] << 8) : packed[at];
      codes[row * columns + k] = ((field >> shift) & mask) - offset;
    }
  }
  return codes;
}

/** The same for a matrix that is packed along its rows: words `[wordsOf(layout, rows, bits), columns]`. */
export function unpackColumns(
  packed: Uint8Array,
  rows: number,
  columns: number,
  bits: CodeBits,
  layout: WordLayout,
): Int8Array {
  const words = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const count = wordsOf(layout, rows, bits);
  const turned = new Uint8Array(packed.length);
  const view = new DataView(turned.buffer);
  for (let word = 0; word < count; word++) {
    for (let column = 0; column < columns; column++) {
      view.setUint32((column * count + word) * 4, words.getUint32((word * columns + column) * 4, true), true);
    }
  }
  const codes = unpackRows(turned, columns, rows, bits, layout);
  return Int8Array.from(codes, (_, index) => codes[(index % columns) * rows + Math.floor(index / columns)]);
}
