import { widenF16 } from '../../../kernels/reference/float-formats.ts';
import type { BlockFormat, BlockParts } from './block-formats.ts';

/** Elements of a super-block, whose groups share an f16 scale. */
const BLOCK = 256;

/** Groups of Q4_K and Q5_K: 32 elements each. */
const GROUP = 32;
const GROUPS = BLOCK / GROUP;

const u16 = (bytes: Uint8Array, at: number): number => bytes[at] | (bytes[at + 1] << 8);

/**
 * The 6-bit scale and minimum of a group, of the 12 bytes at `at`: those of groups 0 to 3 are the low bits of bytes 0 to
 * 3 and 4 to 7; those of the others have four bits in bytes 8 to 11 and two in the high bits of bytes 0 to 7.
 */
function groupScale(bytes: Uint8Array, at: number, group: number): { scale: number; minimum: number } {
  if (group < 4) return { scale: bytes[at + group] & 63, minimum: bytes[at + group + 4] & 63 };
  const low = bytes[at + group + 4];
  return {
    scale: (low & 15) | ((bytes[at + group - 4] >> 6) << 4),
    minimum: (low >> 4) | ((bytes[at + group] >> 6) << 4),
  };
}

/** Where Q4_K and Q5_K have their scales: behind the f16 scale and the f16 scale of minima. */
const SCALES = 4;
const SCALE_BYTES = 12;

/**
 * Q4_K, and Q5_K with a fifth bit for each code: bit g of byte l of `fifthBits` belongs to element l of group g. Two
 * groups share 32 bytes, the even one in the low halves.
 */
function unpackAffine(bytes: number, fifthBits: number | undefined): BlockFormat['unpack'] {
  const codesAt = bytes - BLOCK / 2;
  return (blocks, { codes, scales, biases }: BlockParts) => {
    for (let block = 0, at = 0; at < blocks.length; block++, at += bytes) {
      const all = widenF16(u16(blocks, at));
      const allMinima = widenF16(u16(blocks, at + 2));
      for (let group = 0; group < GROUPS; group++) {
        const { scale, minimum } = groupScale(blocks, at + SCALES, group);
        scales[block * GROUPS + group] = all * scale;
        biases[block * GROUPS + group] = -(allMinima * minimum);
        const from = at + codesAt + (group >> 1) * GROUP;
        const shift = (group & 1) * 4;
        const to = block * BLOCK + group * GROUP;
        for (let i = 0; i < GROUP; i++) {
          const fifth = fifthBits === undefined ? 0 : (blocks[at + fifthBits + i] >> group) & 1;
          codes[to + i] = ((blocks[from + i] >> shift) & 15) | (fifth << 4);
        }
      }
    }
  };
}

/** Places in a block of Q6_K: low four bits, high two bits, signed scales of groups of 16, the f16 scale of all. */
const LOW_BITS = 0;
const HIGH_BITS = 128;
const SIX_BIT_SCALES = 192;
const SIX_BIT_ALL = 208;
const SIX_BIT_BYTES = 210;
const SIX_BIT_GROUPS = BLOCK / 16;

/**
 * Each half of 128 elements has 64 bytes of low bits and 32 of high bits. Its four quarters are the low halves of bytes
 * 0 to 31, those of bytes 32 to 63, and the high halves of both; quarter q has bits 2q and 2q + 1 of the 32 bytes.
 */
function unpackSixBits(blocks: Uint8Array, { codes, scales }: BlockParts): void {
  for (let block = 0, at = 0; at < blocks.length; block++, at += SIX_BIT_BYTES) {
    const all = widenF16(u16(blocks, at + SIX_BIT_ALL));
    for (let group = 0; group < SIX_BIT_GROUPS; group++) {
      const signed = (blocks[at + SIX_BIT_SCALES + group] << 24) >> 24;
      scales[block * SIX_BIT_GROUPS + group] = all * signed;
    }
    for (let quarter = 0; quarter < 8; quarter++) {
      const half = quarter >> 2;
      const place = quarter & 3;
      const low = at + LOW_BITS + half * 64 + (place & 1) * 32;
      const high = at + HIGH_BITS + half * 32;
      const shift = (place >> 1) * 4;
      const to = block * BLOCK + quarter * 32;
      for (let i = 0; i < 32; i++) {
        const code = ((blocks[low + i] >> shift) & 15) | (((blocks[high + i] >> (2 * place)) & 3) << 4);
        codes[to + i] = code - 32;
      }
    }
  }
}

/** Formats of super-blocks, as `ggml-common.h` lays them out. */
export const kQuants: readonly BlockFormat[] = [
  { name: 'Q4_K', kind: 'affine', bits: 4, groupSize: 32, unpack: unpackAffine(144, undefined) },
  { name: 'Q5_K', kind: 'affine', bits: 5, groupSize: 32, unpack: unpackAffine(176, SCALES + SCALE_BYTES) },
  { name: 'Q6_K', kind: 'symmetric', bits: 6, groupSize: 16, unpack: unpackSixBits },
];
