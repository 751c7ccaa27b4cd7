import { mutateText, textBytes } from './json-mutator.ts';
import type { Mutator } from './mutator.ts';

/** Source text: words of the language and of the seeds are put together in other ways. */
export function textMutator(words: readonly string[]): Mutator {
  return (seeds) => {
    const sources = seeds.map((bytes) => Buffer.from(bytes).toString());
    const pieces = [...words, ...sources.flatMap((source) => source.match(/\{[%{].*?[%}]\}|\w+|[^\w\s]+/gs) ?? [])];
    return (seed, random) => {
      let text = sources[seed];
      for (let count = random.size(4); count > 0; count--) text = mutateText(text, pieces, random);
      return textBytes(text, random);
    };
  };
}
