import { signedCodes } from '../../schemes/symmetric-as-affine.ts';
import { unpackRows, wordsOf, type WordLayout } from '../bit-stream.ts';
import type { CodeBits } from './layer-scheme.ts';

/**
 * Signed codes `[rows, columns]` that are packed along the rows: words `[wordsOf(layout, rows, bits), columns]`; a code q is
 * stored as q + 2^(bits - 1).
 *
 * @param packed the words as little-endian bytes
 * @throws RangeError if its length does not fit
 */
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
  const codes = signedCodes(unpackRows(turned, columns, rows, bits, layout), bits);
  return Int8Array.from(codes, (_, index) => codes[(index % columns) * rows + Math.floor(index / columns)]);
}
