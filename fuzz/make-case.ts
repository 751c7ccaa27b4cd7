import { readCorpus } from './corpus.ts';
import type { Mutation } from './mutate/mutator.ts';
import { Random } from './random.ts';
import type { Input, Target } from './target.ts';

/** Makes the cases of a target: the same target, corpus, seed and number give the same input. */
export function caseMaker(target: Target, seed: number, corpus: readonly Input[] = readCorpus(target)): CaseMaker {
  const mutations = new Map(
    Object.entries(target.files).map(([name, mutator]) => {
      const holders = corpus.filter((entry) => entry.has(name));
      const mutation = mutator(holders.map((entry) => contentOf(entry, name)));
      return [name, { holders, mutation }];
    }),
  );
  return (index) => {
    const random = new Random(target.name, seed, index);
    const entry = random.pick(corpus);
    const names = [...entry.keys()];
    const chosen = random.pick(names);
    const everything = names.length > 1 && random.chance(0.2);
    return new Map(
      names.map((name) => [
        name,
        everything || name === chosen ? mutate(mutations.get(name), entry, random) : contentOf(entry, name),
      ]),
    );
  };
}

export type CaseMaker = (index: number) => Input;

interface FileMutation {
  /** Entries that have the file, in the order of the mutator's seeds. */
  holders: readonly Input[];
  mutation: Mutation;
}

function mutate(file: FileMutation | undefined, entry: Input, random: Random): Uint8Array {
  if (!file) throw new Error('the corpus has a file that the target does not name');
  const own = file.holders.indexOf(entry);
  return file.mutation(random.chance(0.95) ? own : random.below(file.holders.length), random);
}

function contentOf(entry: Input, name: string): Uint8Array {
  const bytes = entry.get(name);
  if (!bytes) throw new Error(`an entry of the corpus lacks ${name}`);
  return bytes;
}
