import type { Mutator } from './mutate/mutator.ts';

/** The files that one case consists of, by name. */
export type Input = ReadonlyMap<string, Uint8Array>;

export interface Target {
  readonly name: string;
  /** The target whose corpus it shares; its own by default. */
  readonly corpus?: string;
  /** What the corpus has for each entry, and how each is changed. */
  readonly files: Readonly<Record<string, Mutator>>;
  /**
   * Gives an input to the code under test. To return is to accept it; a `CiderError` is a rejection, and anything else
   * that is thrown a failure, as are an end of the process, too much memory, and no end.
   *
   * @param limited runs what cider runs in a process or thread with limits of its own: to be ended there is no failure
   */
  run(input: Input, limited: Limited): void | Promise<void>;
}

export type Limited = <T>(action: () => T) => T;

/** Something that must hold for whatever is accepted. */
export function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`accepted, but ${what}`);
}
