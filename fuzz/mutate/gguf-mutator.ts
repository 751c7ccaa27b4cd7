import type { Random } from '../random.ts';
import { mutateBytes } from './bytes.ts';
import { ALIGNMENT, copyValue, readGguf, typeOf, writeGguf } from './gguf-tree.ts';
import type { ArrayValue, GgufTree, Tensor, Value } from './gguf-tree.ts';
import { mutateText } from './json-mutator.ts';
import type { Mutator } from './mutator.ts';
import { edgeInteger, nearInteger } from './numbers.ts';

/** Elements and bytes of a block, of the types that tensors are changed to. */
const blocks: Readonly<Record<number, readonly [elements: number, bytes: number]>> = {
  0: [1, 4], 1: [1, 2], 2: [32, 18], 3: [32, 20], 6: [32, 22], 7: [32, 24], 8: [32, 34], 12: [256, 144], 13: [256, 176],
  14: [256, 210], 26: [1, 4], 30: [1, 2],
}; // prettier-ignore

const types = [...Object.keys(blocks).map(Number), 4, 5, 10, 31, 39, 99, 2 ** 32 - 1];

/** Of all tensors together; longer ones keep the data that they have. */
const MAX_DATA_BYTES = 1 << 16;

/** GGUF: metadata, tensors and counts change; offsets and data are made to fit again, or not. */
export const ggufMutator: Mutator = (seeds) => {
  const trees = seeds.map(readGguf);
  const keys = trees.flatMap(({ metadata }) => metadata.map(({ key }) => key));
  const values = trees.flatMap(({ metadata }) => metadata.map(({ value }) => value));
  const texts = [
    ...keys,
    ...values.flatMap((value) => (value.kind === 'text' ? [value.text] : [])),
    '\0',
    '\u001b[2J',
    '__proto__',
    '',
  ];
  return (seed, random) => {
    const tree = copyTree(trees[seed]);
    for (let count = random.size(4); count > 0; count--) {
      if (random.chance(0.6)) mutateMetadata(tree, { keys, values, texts }, random);
      else mutateTensor(tree, texts, random);
    }
    if (random.chance(0.7)) layOut(tree);
    if (random.chance(0.03)) tree.version = random.below(5);
    const bytes = writeGguf(tree, {
      ...(random.chance(0.03) && { tensors: nearInteger(BigInt(tree.tensors.length), random) }),
      ...(random.chance(0.03) && { keys: nearInteger(BigInt(tree.metadata.length), random) }),
    });
    return random.chance(0.1) ? mutateBytes(bytes, random) : bytes;
  };
};

interface Parts {
  keys: readonly string[];
  values: readonly Value[];
  texts: readonly string[];
}

const copyTree = ({ version, metadata, tensors }: GgufTree): GgufTree => ({
  version,
  metadata: metadata.map(({ key, value }) => ({ key, value: copyValue(value) })),
  tensors: tensors.map((tensor) => ({ ...tensor, dimensions: [...tensor.dimensions] })),
});

function mutateMetadata({ metadata }: GgufTree, { keys, values, texts }: Parts, random: Random): void {
  const at = random.below(metadata.length + 1);
  if (at === metadata.length || random.chance(0.1)) {
    metadata.splice(at, 0, { key: random.pick(keys), value: copyValue(random.pick(values)) });
    return;
  }
  const entry = metadata[at];
  switch (random.below(5)) {
    case 0:
      metadata.splice(at, 1);
      return;
    case 1:
      entry.key = random.chance(0.5) ? random.pick(keys) : mutateText(entry.key, texts, random);
      return;
    case 2:
      entry.value = copyValue(random.pick(values));
      return;
    default:
      entry.value = mutateValue(entry.value, texts, random);
  }
}

function mutateValue(value: Value, texts: readonly string[], random: Random): Value {
  if (random.chance(0.05)) return nested(value, random.size(8));
  if (value.kind === 'text') return { kind: 'text', text: mutateText(value.text, texts, random) };
  if (value.kind === 'array') return mutateArray(value, texts, random);
  if (random.chance(0.2)) return { ...value, type: random.pick(numberTypes) };
  return { ...value, bits: random.chance(0.6) ? nearInteger(value.bits, random) : edgeInteger(random) };
}

/** Types of numbers, and two that there are not. */
const numberTypes = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 255];

const nested = (value: Value, depth: number): Value =>
  depth === 0 ? value : { kind: 'array', item: typeOf(value), length: 1n, items: [nested(value, depth - 1)] };

function mutateArray(value: ArrayValue, texts: readonly string[], random: Random): Value {
  const items = [...value.items];
  const at = random.below(items.length + 1);
  switch (random.below(5)) {
    case 0:
      return { ...value, length: nearInteger(value.length, random) };
    case 1:
      return { ...value, item: random.below(14) };
    case 2:
      items.splice(at, 1);
      break;
    case 3:
      if (items.length > 0) for (let times = random.size(40); times > 0; times--) items.push(random.pick(items));
      break;
    default:
      if (at < items.length) items[at] = mutateValue(items[at], texts, random);
  }
  return { ...value, length: BigInt(items.length), items };
}

function mutateTensor({ tensors }: GgufTree, texts: readonly string[], random: Random): void {
  if (tensors.length === 0) return;
  const at = random.below(tensors.length);
  const tensor = tensors[at];
  const { dimensions } = tensor;
  const axis = random.below(dimensions.length + 1);
  switch (random.below(8)) {
    case 0:
      tensors.splice(at, 1);
      return;
    case 1:
      tensors.splice(at, 0, { ...tensor, dimensions: [...dimensions] });
      return;
    case 2:
      tensor.name = random.chance(0.5) ? random.pick(tensors).name : mutateText(tensor.name, texts, random);
      return;
    case 3:
      if (axis < dimensions.length) dimensions[axis] = nearInteger(dimensions[axis], random);
      return;
    case 4:
      dimensions.splice(axis, random.below(2), random.chance(0.5) ? 1n : edgeInteger(random));
      return;
    case 5:
      tensor.type = random.pick(types);
      return;
    case 6:
      tensor.offset = random.chance(0.7) ? nearInteger(tensor.offset, random) : edgeInteger(random);
      return;
    default:
      tensor.data = mutateBytes(tensor.data, random);
  }
}

/** Gives every tensor as much data as it asks for, one after the other. */
function layOut({ tensors }: GgufTree): void {
  let end = 0;
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor) ?? tensor.data.length;
    const padded = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    if (end + padded > MAX_DATA_BYTES) continue;
    const data = new Uint8Array(padded);
    data.set(tensor.data.subarray(0, padded));
    tensor.data = data;
    tensor.offset = BigInt(end);
    end += padded;
  }
}

function bytesOf({ type, dimensions }: Tensor): number | undefined {
  if (!Object.hasOwn(blocks, type)) return undefined;
  const [elements, bytes] = blocks[type];
  const total = (Number(dimensions.reduce((product, length) => product * length, 1n)) / elements) * bytes;
  return total >= 0 ? total : undefined;
}
