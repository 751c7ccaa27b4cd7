import type { Random } from '../random.ts';
import { mutateBytes } from './bytes.ts';
import { clone, integerOf, parseTree, print, string, word, type Member, type Node } from './json-tree.ts';
import type { Mutator } from './mutator.ts';
import { edgeInteger, nearInteger } from './numbers.ts';

/** Documents of JSON: values, types, keys and nesting change, and parts of one seed get into another. */
export function jsonMutator(words: readonly string[] = []): Mutator {
  return (seeds) => {
    const trees = seeds.map((bytes) => parseTree(Buffer.from(bytes).toString()));
    const vocabulary = harvest(trees, words);
    return (seed, random) => {
      const tree = mutateTree(clone(trees[seed]), vocabulary, random);
      return textBytes(print(tree), random);
    };
  };
}

/** UTF-8 of a text, now and then with the bytes themselves changed. */
export function textBytes(text: string, random: Random): Uint8Array {
  let bytes: Uint8Array = Buffer.from(text);
  if (random.chance(0.1)) for (let count = random.size(3); count > 0; count--) bytes = mutateBytes(bytes, random);
  return bytes;
}

/** What the seeds are made of. */
export interface Vocabulary {
  keys: readonly string[];
  texts: readonly string[];
  parts: readonly Node[];
}

export function harvest(trees: readonly Node[], words: readonly string[] = []): Vocabulary {
  const keys = new Set<string>(hostileNames);
  const texts = new Set<string>([...hostileNames, ...words]);
  const parts: Node[] = [];
  const visit = (node: Node): void => {
    parts.push(node);
    if (node.kind === 'string') texts.add(node.text);
    if (node.kind === 'array') node.items.forEach(visit);
    if (node.kind !== 'object') return;
    for (const { key, value } of node.members) {
      keys.add(key);
      visit(value);
    }
  };
  trees.forEach(visit);
  return { keys: [...keys], texts: [...texts], parts };
}

/** Names that are something else where objects are dictionaries, or paths, or controls of a terminal. */
const hostileNames = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'length',
  '',
  '0',
  '\0',
  '\u001b[31m',
  '\ud800',
  '\udc00x',
  '../x',
  '/etc/passwd',
  'C:\\x',
  'a'.repeat(5000),
];

/** Numbers at the ends of what formats and floats can say, and some that JSON has no place for. */
const oddNumbers = [
  '-0', '-1', '0.5', '1e400', '-1e400', '1e-400', '1e308', '5e-324', '9007199254740993', '1E+2', '1.0', '01', '+1', '.5',
  '1.', '0x10', 'NaN', 'Infinity', '-', '1e', '1_000', '1'.repeat(200), `0.${'3'.repeat(60)}`,
]; // prettier-ignore

/** One to four changes in place. */
export function mutateTree(tree: Node, vocabulary: Vocabulary, random: Random): Node {
  const root: Node = { kind: 'array', items: [tree] };
  if (random.chance(0.02)) return tree;
  for (let count = random.size(4); count > 0; count--) mutateOnce(root, vocabulary, random);
  return root.items[0] ?? word('');
}

/** Where a value stands. */
type Place = { members: Member[]; index: number } | { items: Node[]; index: number };

function placesOf(root: { items: Node[] }): Place[] {
  const places: Place[] = [];
  const visit = (node: Node): void => {
    if (node.kind === 'array') {
      const { items } = node;
      items.forEach((item, index) => {
        places.push({ items, index });
        visit(item);
      });
    } else if (node.kind === 'object') {
      const { members } = node;
      members.forEach(({ value }, index) => {
        places.push({ members, index });
        visit(value);
      });
    }
  };
  root.items.forEach((item, index) => {
    // The document itself is one place among many.
    places.push({ items: root.items, index });
    visit(item);
  });
  return places;
}

const valueAt = (place: Place): Node =>
  'members' in place ? place.members[place.index].value : place.items[place.index];

function replace(place: Place, value: Node): void {
  if ('members' in place) place.members[place.index].value = value;
  else place.items[place.index] = value;
}

function mutateOnce(root: { items: Node[] }, vocabulary: Vocabulary, random: Random): void {
  const places = placesOf(root);
  if (places.length === 0) return;
  const place = random.pick(places);
  const value = valueAt(place);
  switch (random.below(12)) {
    case 0:
      replace(place, word(random.chance(0.5) ? random.pick(oddNumbers) : edgeInteger(random).toString()));
      return;
    case 1:
    case 2:
      replace(place, mutateLeaf(value, vocabulary, random));
      return;
    case 3:
      replace(place, word(random.pick(['null', 'true', 'false', '""', '[]', '{}', '"0"', '0', 'nul', ''])));
      return;
    case 4:
      listOf(place).splice(place.index, random.chance(0.9) ? 1 : random.size(100));
      return;
    case 5:
      repeat(place, random.chance(0.8) ? 1 : random.size(60));
      return;
    case 6: {
      const other = random.pick(places);
      const moved = clone(valueAt(other));
      replace(other, clone(value));
      replace(place, moved);
      return;
    }
    case 7:
      if ('members' in place) place.members[place.index].key = random.pick(vocabulary.keys);
      else replace(place, string(random.pick(vocabulary.texts)));
      return;
    case 8:
      replace(place, clone(random.pick(vocabulary.parts)));
      return;
    case 9:
      replace(place, nested(value, random));
      return;
    default:
      if ('members' in place) {
        const key = random.pick(vocabulary.keys);
        place.members.splice(place.index, 0, { key, value: clone(random.pick(vocabulary.parts)) });
      } else if (place.items !== root.items) {
        place.items.splice(place.index, 0, clone(random.pick(vocabulary.parts)));
      }
  }
}

const listOf = (place: Place): unknown[] => ('members' in place ? place.members : place.items);

/** The same again, a key included. */
function repeat(place: Place, times: number): void {
  for (let i = 0; i < times; i++) {
    if ('members' in place) {
      const { key, value } = place.members[place.index];
      place.members.splice(place.index, 0, { key, value: clone(value) });
    } else {
      place.items.splice(place.index, 0, clone(place.items[place.index]));
    }
  }
}

function mutateLeaf(value: Node, vocabulary: Vocabulary, random: Random): Node {
  const integer = integerOf(value);
  if (integer !== undefined) return word(nearInteger(integer, random).toString());
  if (value.kind === 'word') return word(random.pick(oddNumbers));
  if (value.kind !== 'string') return clone(random.pick(vocabulary.parts));
  return string(mutateText(value.text, vocabulary.texts, random));
}

export function mutateText(text: string, texts: readonly string[], random: Random): string {
  const at = random.below(text.length + 1);
  switch (random.below(6)) {
    case 0:
      return random.pick(texts);
    case 1:
      return text.slice(0, at) + String.fromCharCode(random.below(random.chance(0.7) ? 128 : 65_536)) + text.slice(at);
    case 2:
      return text.slice(0, at) + text.slice(at + random.size(4));
    case 3:
      return text.slice(0, at) + random.pick(texts) + text.slice(at);
    case 4:
      return text.repeat(random.size(Math.max(1, Math.min(200, 20_000 / (text.length + 1)))));
    default:
      return text.slice(0, at);
  }
}

/** Inside of more and more arrays or objects; mostly a few. */
function nested(value: Node, random: Random): Node {
  const depth = random.chance(0.95) ? random.size(40) : random.size(20_000);
  const [open, close] = random.chance(0.5) ? ['[', ']'] : ['{"a":', '}'];
  return word(open.repeat(depth) + print(value) + close.repeat(depth));
}
