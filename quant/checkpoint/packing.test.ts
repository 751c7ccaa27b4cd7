import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packCodes, packedWords, unpackCodes } from './packing.ts';

const fourBits = [-3, 0, 3, -8, -3, 4, 0, -8, 2, -4, -2, 1, 5, -5, 7, 5, -3, 2, 0, -5, -7];
const eightBits = [69, -3, -42, -58, -56, 55, -1, 35, -3, -80, -83, 6, 30, -51, -47, 118, 81, -36, 49, 112, -52];

describe('packCodes', () => {
  // Words of `pack_to_int32` of compressed-tensors 0.20 for codes [3, 7].
  it.each<[8 | 4, number[], number[]]>([
    [4, fourBits, [147131269, 64578720, 20489695]],
    [8, eightBits, [1180073413, 8369992, 758152611, 5086854, 1557263953, 5042353]],
  ])('packs %i bits as compressed-tensors does', (bits, codes, words) => {
    const packed = packCodes(Int8Array.from(codes), 3, 7, bits);
    expect(new Int32Array(packed.buffer)).toEqual(Int32Array.from(words));
  });

  it('is undone by unpackCodes, for any shape', () => {
    const shape = fc.record({
      rows: fc.integer({ min: 0, max: 5 }),
      columns: fc.integer({ min: 0, max: 70 }),
      bits: fc.constantFrom<8 | 4>(8, 4),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(shape, ({ rows, columns, bits, seed }) => {
        const codes = Int8Array.from({ length: rows * columns }, (_, i) => {
          const random = Math.imul(i + 1, seed | 1) >>> 24;
          return (random % 2 ** bits) - 2 ** (bits - 1);
        });
        const packed = packCodes(codes, rows, columns, bits);
        expect(packed.byteLength).toBe(rows * packedWords(columns, bits) * 4);
        expect(unpackCodes(packed, rows, columns, bits)).toEqual(codes);
      }),
    );
  });

  it('refuses arrays of another length', () => {
    expect(() => packCodes(new Int8Array(5), 2, 3, 4)).toThrow(RangeError);
    expect(() => unpackCodes(new Uint8Array(4), 2, 3, 4)).toThrow(RangeError);
  });
});
