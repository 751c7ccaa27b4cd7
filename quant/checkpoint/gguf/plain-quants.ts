import { widenF16 } from '../../../kernels/reference/float-formats.ts';
import type { BlockFormat, BlockParts } from './block-formats.ts';

/** Elements of a block: one group. */
const BLOCK = 32;

/** Codes of 4 bits: those of the first half of the block in the low halves of 16 bytes, the others in the high ones. */
const NIBBLE_BYTES = BLOCK / 2;

const u16 = (bytes: Uint8Array, at: number): number => bytes[at] | (bytes[at + 1] << 8);

interface Layout {
  bytes: number;
  /** Place of an f16 that is added to all elements. */
  minimum?: number;
  /** Place of 32 bits, the fifth of each code, the first element in the lowest. */
  fifthBits?: number;
  codes: number;
  /** Subtracted from each code. */
  zeroPoint: number;
}

/** An unpacker of blocks that begin with the f16 scale and hold codes of 4 or 5 bits. */
function unpackNibbles({ bytes, minimum, fifthBits, codes, zeroPoint }: Layout): BlockFormat['unpack'] {
  return (blocks, parts: BlockParts) => {
    for (let block = 0, at = 0; at < blocks.length; block++, at += bytes) {
      parts.scales[block] = widenF16(u16(blocks, at));
      if (minimum !== undefined) parts.biases[block] = widenF16(u16(blocks, at + minimum));
      const high = fifthBits === undefined ? 0 : u16(blocks, at + fifthBits) | (u16(blocks, at + fifthBits + 2) << 16);
      const first = block * BLOCK;
      for (let i = 0; i < NIBBLE_BYTES; i++) {
        const pair = blocks[at + codes + i];
        parts.codes[first + i] = ((pair & 15) | (((high >>> i) & 1) << 4)) - zeroPoint;
        parts.codes[first + NIBBLE_BYTES + i] = ((pair >> 4) | (((high >>> (NIBBLE_BYTES + i)) & 1) << 4)) - zeroPoint;
      }
    }
  };
}

function unpackBytes(blocks: Uint8Array, { codes, scales }: BlockParts): void {
  const signed = new Int8Array(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  for (let block = 0, at = 0; at < blocks.length; block++, at += 2 + BLOCK) {
    scales[block] = widenF16(u16(blocks, at));
    codes.set(signed.subarray(at + 2, at + 2 + BLOCK), block * BLOCK);
  }
}

/** Formats with one group a block, as `ggml-common.h` lays them out. */
export const plainQuants: readonly BlockFormat[] = [
  {
    name: 'Q4_0',
    kind: 'symmetric',
    bits: 4,
    groupSize: BLOCK,
    unpack: unpackNibbles({ bytes: 18, codes: 2, zeroPoint: 8 }),
  },
  {
    name: 'Q4_1',
    kind: 'affine',
    bits: 4,
    groupSize: BLOCK,
    unpack: unpackNibbles({ bytes: 20, minimum: 2, codes: 4, zeroPoint: 0 }),
  },
  {
    name: 'Q5_0',
    kind: 'symmetric',
    bits: 5,
    groupSize: BLOCK,
    unpack: unpackNibbles({ bytes: 22, fifthBits: 2, codes: 6, zeroPoint: 16 }),
  },
  {
    name: 'Q5_1',
    kind: 'affine',
    bits: 5,
    groupSize: BLOCK,
    unpack: unpackNibbles({ bytes: 24, minimum: 2, fifthBits: 4, codes: 8, zeroPoint: 0 }),
  },
  { name: 'Q8_0', kind: 'symmetric', bits: 8, groupSize: BLOCK, unpack: unpackBytes },
];
