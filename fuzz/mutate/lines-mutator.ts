import type { Random } from '../random.ts';
import { harvest, mutateTree, textBytes, type Vocabulary } from './json-mutator.ts';
import { clone, parseTree, print, type Node } from './json-tree.ts';
import type { Mutator } from './mutator.ts';

/** Documents of JSON a line: the lines change, their order and number, and what is between them. */
export const linesMutator: Mutator = (seeds) => {
  const documents = seeds.map((bytes) => Buffer.from(bytes).toString().split('\n').filter(Boolean).map(parseTree));
  const vocabulary = harvest(documents.flat());
  return (seed, random) => {
    const lines = mutateLines(documents[seed].map(clone), vocabulary, random);
    const separator = random.chance(0.9) ? '\n' : random.pick(['\r\n', '\r', '\n\n', ' \n', '', '\u2028']);
    return textBytes(lines.map(print).join(separator) + (random.chance(0.8) ? '\n' : ''), random);
  };
};

function mutateLines(lines: Node[], vocabulary: Vocabulary, random: Random): Node[] {
  const at = random.below(lines.length);
  switch (random.below(6)) {
    case 0:
      lines.splice(at, 1);
      return lines;
    case 1:
      for (let times = random.size(20); times > 0; times--) lines.splice(at, 0, clone(lines[at]));
      return lines;
    case 2:
      return lines.reverse();
    default:
      lines[at] = mutateTree(lines[at], vocabulary, random);
      return lines;
  }
}
