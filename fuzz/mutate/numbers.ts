import type { Random } from '../random.ts';

/** Integers around which readers go wrong. */
const edges: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  4n,
  7n,
  8n,
  15n,
  16n,
  31n,
  32n,
  63n,
  64n,
  127n,
  128n,
  255n,
  256n,
  4095n,
  4096n,
  65_535n,
  65_536n,
  100_000_000n,
  2n ** 31n,
  2n ** 32n,
  2n ** 33n,
  2n ** 40n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n,
  2n ** 64n,
];

/** An edge, or a neighbour of one. */
export function edgeInteger(random: Random): bigint {
  return random.pick(edges) + BigInt(random.below(3) - 1);
}

/** Near a value that is there: one more or less, a multiple, a part, another sign. */
export function nearInteger(value: bigint, random: Random): bigint {
  switch (random.below(7)) {
    case 0:
      return value + 1n;
    case 1:
      return value - 1n;
    case 2:
      return value * 2n;
    case 3:
      return value / 2n;
    case 4:
      return -value;
    case 5:
      return value + BigInt(random.size(64));
    default:
      return edgeInteger(random);
  }
}
