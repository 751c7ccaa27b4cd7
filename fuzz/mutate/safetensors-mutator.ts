import type { Random } from '../random.ts';
import { mutateBytes } from './bytes.ts';
import { harvest, mutateTree } from './json-mutator.ts';
import { clone, integerOf, memberOf, parseTree, print, string, word, type Node } from './json-tree.ts';
import type { Mutator } from './mutator.ts';
import { edgeInteger, nearInteger } from './numbers.ts';

/** Bits of an element; what the format has and some that it might have. */
const dtypeBits: Readonly<Record<string, number>> = {
  BOOL: 8, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, I16: 16, U16: 16, F16: 16, BF16: 16, I32: 32, U32: 32,
  F32: 32, C64: 64, F64: 64, I64: 64, U64: 64, F4: 4, F6_E2M3: 6, F6_E3M2: 6,
}; // prettier-ignore

interface File {
  header: Node;
  data: Uint8Array;
}

/**
 * safetensors: the header as JSON, with dtypes, shapes and offsets changed one at a time or together, so that part of the
 * files is consistent again and gets past the checks; the length before it; the data.
 */
export const safetensorsMutator: Mutator = (seeds) => {
  const files = seeds.map(parse);
  const vocabulary = harvest(
    files.map(({ header }) => header),
    Object.keys(dtypeBits),
  );
  return (seed, random) => {
    let header = clone(files[seed].header);
    let { data } = files[seed];
    for (let count = random.size(3); count > 0; count--) mutateEntry(header, random);
    if (random.chance(0.4)) header = mutateTree(header, vocabulary, random);
    if (random.chance(0.5)) data = layOut(header, data);
    else if (random.chance(0.2)) data = mutateBytes(data, random);
    const text = Buffer.from(print(header) + ' '.repeat(random.chance(0.2) ? random.size(16) : 0));
    const body = random.chance(0.1) ? mutateBytes(text, random) : text;
    const file = Buffer.concat([lengthOf(body, random), body, data]);
    return random.chance(0.1) ? mutateBytes(file, random) : file;
  };
};

function parse(bytes: Uint8Array): File {
  const length = Number(Buffer.from(bytes).readBigUInt64LE(0));
  return {
    header: parseTree(
      Buffer.from(bytes)
        .subarray(8, 8 + length)
        .toString(),
    ),
    data: bytes.subarray(8 + length),
  };
}

/** The true length of the header, or a lie. */
function lengthOf(body: Uint8Array, random: Random): Uint8Array {
  const length = random.chance(0.9) ? BigInt(body.length) : nearInteger(BigInt(body.length), random);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, length));
  return bytes;
}

/** Changes dtype, shape or offsets of one tensor. */
function mutateEntry(header: Node, random: Random): void {
  if (header.kind !== 'object' || header.members.length === 0) return;
  const entry = random.pick(header.members).value;
  if (entry.kind !== 'object') return;
  const [shape, offsets] = [memberOf(entry, 'shape'), memberOf(entry, 'data_offsets')];
  const dtype = entry.members.find(({ key }) => key === 'dtype');
  switch (random.below(6)) {
    case 0:
      if (dtype) dtype.value = string(random.pick(Object.keys(dtypeBits)));
      return;
    case 1:
      mutateInteger(shape, random);
      return;
    case 2:
      if (shape?.kind === 'array') shape.items.splice(random.below(shape.items.length + 1), 0, count(random));
      return;
    case 3:
      if (shape?.kind === 'array') shape.items.splice(random.below(shape.items.length + 1), 1);
      return;
    case 4:
      mutateInteger(offsets, random);
      return;
    default:
      if (offsets?.kind === 'array') offsets.items.reverse();
  }
}

/** A dimension: mostly one that leaves the size as it is, or makes it nothing. */
const count = (random: Random): Node =>
  word(random.chance(0.6) ? String(random.below(3)) : edgeInteger(random).toString());

function mutateInteger(list: Node | undefined, random: Random): void {
  if (list?.kind !== 'array' || list.items.length === 0) return;
  const at = random.below(list.items.length);
  const value = integerOf(list.items[at]);
  if (value !== undefined) list.items[at] = word(nearInteger(value, random).toString());
}

/** What one case may hold; larger tensors keep the offsets that they have. */
const MAX_DATA_BYTES = 1 << 16;

/** Gives every tensor the offsets that its dtype and shape ask for, and all of them as much data as they need. */
function layOut(header: Node, data: Uint8Array): Uint8Array {
  if (header.kind !== 'object') return data;
  let end = 0;
  for (const { key, value: entry } of header.members) {
    const bytes = key === '__metadata__' ? undefined : bytesOf(entry);
    if (bytes === undefined || end + bytes > MAX_DATA_BYTES || entry.kind !== 'object') continue;
    const offsets: Node = { kind: 'array', items: [word(String(end)), word(String(end + bytes))] };
    end += bytes;
    for (const member of entry.members) if (member.key === 'data_offsets') member.value = offsets;
  }
  const result = new Uint8Array(end);
  result.set(data.subarray(0, end));
  return result;
}

function bytesOf(entry: Node): number | undefined {
  const [dtype, shape] = [memberOf(entry, 'dtype'), memberOf(entry, 'shape')];
  if (dtype?.kind !== 'string' || !Object.hasOwn(dtypeBits, dtype.text) || shape?.kind !== 'array') return undefined;
  const sizes = shape.items.map((item) => Number(integerOf(item) ?? NaN));
  const bytes = (sizes.reduce((product, size) => product * size, 1) * dtypeBits[dtype.text]) / 8;
  return Number.isInteger(bytes) && bytes >= 0 ? bytes : undefined;
}
