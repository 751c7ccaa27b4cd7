import type { Random } from '../random.ts';
import { edgeInteger } from './numbers.ts';

/** One change without any regard to structure: flips, edges, cuts, repeats, parts of another. The result is new, `bytes` stay as they are. */
export function mutateBytes(bytes: Uint8Array, random: Random, other: Uint8Array = bytes): Uint8Array {
  const at = random.below(bytes.length + 1);
  switch (random.below(9)) {
    case 0: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] ^= 1 << random.below(8);
      return copy;
    }
    case 1: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = random.below(256);
      return copy;
    }
    case 2:
      return spliced(
        bytes,
        at,
        0,
        Uint8Array.from({ length: random.size(8) }, () => random.below(256)),
      );
    case 3:
      return spliced(bytes, at, random.size(16), none);
    case 4:
      return bytes.subarray(0, at);
    case 5: {
      const from = random.below(bytes.length + 1);
      return spliced(bytes, at, 0, bytes.subarray(from, from + random.size(64)));
    }
    case 6: {
      const from = random.below(other.length + 1);
      const part = other.subarray(from, from + random.size(64));
      return spliced(bytes, at, part.length, part);
    }
    case 7:
      return spliced(bytes, at, random.chance(0.5) ? 4 : 8, integerBytes(random));
    default:
      return spliced(bytes, at, 0, Buffer.from(random.pick(fragments)));
  }
}

/** What stands in the way of text: marks, controls, halves of pairs, sequences that are not UTF-8. */
const fragments = [
  '\ufeff',
  '\u0000',
  '\u001b[2J',
  '\r',
  '\u2028',
  '\u202e',
  '\\ud800',
  '\u{10ffff}',
  Buffer.from([0xc0, 0x80]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xff]),
  Buffer.from([0xe2, 0x82]),
] as const;

const none = new Uint8Array(0);

function integerBytes(random: Random): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, edgeInteger(random)));
  return random.chance(0.5) ? bytes : bytes.subarray(0, 4);
}

/** `count` bytes from `at` on replaced by `insert`. */
function spliced(bytes: Uint8Array, at: number, count: number, insert: Uint8Array): Uint8Array {
  const end = Math.min(at + count, bytes.length);
  const result = Buffer.allocUnsafeSlow(bytes.length - (end - at) + insert.length);
  result.set(bytes.subarray(0, at));
  result.set(insert, at);
  result.set(bytes.subarray(end), at + insert.length);
  return result;
}
