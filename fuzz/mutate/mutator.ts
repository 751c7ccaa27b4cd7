import type { Random } from '../random.ts';

/** A changed form of one of the seeds. */
export type Mutation = (seed: number, random: Random) => Uint8Array;

/** Takes in all seeds of a kind of file, so that parts of one can get into another. */
export type Mutator = (seeds: readonly Uint8Array[]) => Mutation;
