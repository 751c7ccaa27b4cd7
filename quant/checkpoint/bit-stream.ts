/**
 * How rows of codes lie in little-endian 32-bit words, the lowest bits first: `dense` without a gap, so that codes may lie
 * across two words, as MLX has it, and compressed-tensors since 0.18; `padded` with as many whole codes a word as fit, as
 * compressed-tensors had it before. For 2, 4 and 8 bits both are the same.
 */
export type WordLayout = 'dense' | 'padded';

/** Words that `count` codes take. */
export function wordsOf(layout: WordLayout, count: number, bits: number): number {
  return layout === 'dense' ? Math.ceil((count * bits) / 32) : Math.ceil(count / Math.floor(32 / bits));
}

/** Where a code of a row begins, in bits. */
function firstBit(layout: WordLayout, index: number, bits: number): number {
  if (layout === 'dense') return index * bits;
  const perWord = Math.floor(32 / bits);
  return Math.floor(index / perWord) * 32 + (index % perWord) * bits;
}

/**
 * Unsigned codes `[rows, columns]`, one a byte, of words `[rows, wordsOf(layout, columns, bits)]`. Padding is ignored.
 *
 * @param packed the words as bytes
 * @param bits 8 at most
 * @throws RangeError if the length of `packed` does not fit
 */
export function unpackRows(
  packed: Uint8Array,
  rows: number,
  columns: number,
  bits: number,
  layout: WordLayout,
): Uint8Array {
  const stride = wordsOf(layout, columns, bits) * 4;
  if (packed.length !== rows * stride) throw new RangeError(`${packed.length} packed bytes, expected ${rows * stride}`);
  const codes = new Uint8Array(rows * columns);
  const unpackRow = bits === 8 ? copyBytes : bits === 4 ? splitBytes : fieldsOf(columns, bits, layout);
  for (let row = 0; row < rows; row++) {
    unpackRow(packed.subarray(row * stride, (row + 1) * stride), codes.subarray(row * columns, (row + 1) * columns));
  }
  return codes;
}

type RowUnpacker = (packed: Uint8Array, codes: Uint8Array) => void;

const copyBytes: RowUnpacker = (packed, codes) => {
  codes.set(packed.subarray(0, codes.length));
};

const splitBytes: RowUnpacker = (packed, codes) => {
  for (let k = 0; k < codes.length; k++) codes[k] = (packed[k >> 1] >> ((k & 1) * 4)) & 15;
};

/** Codes that may lie across two bytes. */
function fieldsOf(columns: number, bits: number, layout: WordLayout): RowUnpacker {
  const bytes = Uint32Array.from({ length: columns }, (_, k) => firstBit(layout, k, bits) >> 3);
  const shifts = Uint8Array.from({ length: columns }, (_, k) => firstBit(layout, k, bits) & 7);
  const mask = 2 ** bits - 1;
  return (packed, codes) => {
    for (let k = 0; k < columns; k++) {
      const [at, shift] = [bytes[k], shifts[k]];
      const field = shift + bits > 8 ? packed[at] | (packed[at + 1] << 8) : packed[at];
      codes[k] = (field >> shift) & mask;
    }
  };
}
