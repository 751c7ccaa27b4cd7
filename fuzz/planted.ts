import { jsonMutator } from './mutate/json-mutator.ts';
import type { Target } from './target.ts';
import { fileOf } from './targets/file-of.ts';

const FILE = 'document.json';

/** Does what must be found for some of its inputs, and accepts the others. */
const planted = (name: string, fail: Target['run']): Target => ({
  name: `planted-${name}`,
  corpus: 'json',
  files: { [FILE]: jsonMutator() },
  run: (input, limited) => {
    const sum = fileOf(input, FILE).reduce((total, byte) => total + byte, 0);
    return sum % 31 === 0 ? fail(input, limited) : undefined;
  },
});

const forever = (): never => {
  for (;;);
};

/** Targets with bugs, by which the tests know that the harness finds them. */
export const plantedTargets: readonly Target[] = [
  planted('type-error', () => {
    throw new TypeError('x is not a function');
  }),
  planted('rejection', async () => {
    await Promise.resolve();
    throw new RangeError('Invalid array length');
  }),
  planted('hang', forever),
  planted('limited-hang', (_, limited) => {
    limited(forever);
  }),
  planted('memory', () => {
    // Outside of the heap, whose own limit would end it earlier.
    const kept = Array.from({ length: 24 }, () => Buffer.alloc(2 ** 26, 1));
    kept.length = 0;
  }),
  planted('heap', () => {
    for (const kept: number[][] = []; ;) kept.push(new Array<number>(2 ** 23).fill(0.5));
  }),
  planted('exit', () => {
    process.exit(3);
  }),
];
