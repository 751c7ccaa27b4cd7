import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unpackRows, wordsOf, type WordLayout } from './bit-stream.ts';
import type { CodeBits } from './compressed-tensors/layer-scheme.ts';
import { unpackColumns } from './compressed-tensors/unpack-columns.ts';
import { unpackCodes } from './packing.ts';

/** One row of codes as words, by arithmetic on one large number. */
function packRow(codes: readonly number[], bits: CodeBits, layout: WordLayout): number[] {
  const perWord = layout === 'dense' ? Infinity : Math.floor(32 / bits);
  let stream = 0n;
  codes.forEach((code, i) => {
    const bit = layout === 'dense' ? i * bits : Math.floor(i / perWord) * 32 + (i % perWord) * bits;
    stream |= BigInt(code + 2 ** (bits - 1)) << BigInt(bit);
  });
  return Array.from({ length: wordsOf(layout, codes.length, bits) }, (_, i) =>
    Number((stream >> BigInt(32 * i)) & 0xffffffffn),
  );
}

const matrix = fc
  .record({
    bits: fc.constantFrom<CodeBits>(2, 3, 4, 5, 6, 7, 8),
    layout: fc.constantFrom<WordLayout>('dense', 'padded'),
    rows: fc.integer({ min: 1, max: 6 }),
    columns: fc.integer({ min: 1, max: 70 }),
    seed: fc.integer(),
  })
  .map(({ seed, ...rest }) => {
    const random = (i: number) => (Math.imul(i + 1, seed | 1) >>> 8) % 2 ** rest.bits;
    const codes = Array.from({ length: rest.rows * rest.columns }, (_, i) => random(i) - 2 ** (rest.bits - 1));
    return { ...rest, codes };
  });

const rowsOf = <T>(values: readonly T[], columns: number): T[][] =>
  Array.from({ length: values.length / columns }, (_, row) => values.slice(row * columns, (row + 1) * columns));

describe('unpackRows and unpackColumns', () => {
  it('read every number of bits in both layouts', () => {
    fc.assert(
      fc.property(matrix, ({ bits, layout, rows, columns, codes }) => {
        const words = rowsOf(codes, columns).flatMap((row) => packRow(row, bits, layout));
        const packed = new Uint8Array(Uint32Array.from(words).buffer);
        const unsigned = codes.map((code) => code + 2 ** (bits - 1));
        expect([...unpackRows(packed, rows, columns, bits, layout)]).toEqual(unsigned);
        if (bits === 4 || bits === 8) expect([...unpackCodes(packed, rows, columns, bits)]).toEqual(codes);

        const turned = codes.map((_, i) => codes[(i % rows) * columns + Math.floor(i / rows)]);
        const lines = rowsOf(turned, rows).map((row) => packRow(row, bits, layout));
        const along = lines[0].flatMap((_, word) => lines.map((line) => line[word]));
        const packedAlong = new Uint8Array(Uint32Array.from(along).buffer);
        expect([...unpackColumns(packedAlong, rows, columns, bits, layout)]).toEqual(codes);
      }),
    );
  });

  it('refuse another length', () => {
    expect(() => unpackRows(new Uint8Array(4), 2, 3, 4, 'dense')).toThrow(RangeError);
  });
});
