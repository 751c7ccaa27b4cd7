import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fuzzFolder } from './corpus.ts';
import { caseMaker } from './make-case.ts';
import type { Finding } from './supervise.ts';
import { findTarget } from './targets.ts';

/** Of one failure so many cases are kept; more of the same say nothing. */
const KEPT_OF_A_KIND = 3;

/** Keeps failing inputs under findings/, with what they did. */
export class Findings {
  readonly #seen = new Map<string, number>();

  /** What is told of the finding; nothing for one like those that were told already. */
  add(finding: Finding): string | undefined {
    const { target, seed, index, kind, what } = finding;
    const alike = `${target} ${kind} ${placesOf(what)}`;
    const times = (this.#seen.get(alike) ?? 0) + 1;
    this.#seen.set(alike, times);
    if (times > KEPT_OF_A_KIND) return undefined;
    const folder = join(fuzzFolder, 'findings', `${target}-${seed}-${index}`);
    const again = `npm run fuzz -- --target ${target} --seed ${seed} --case ${index}`;
    mkdirSync(folder, { recursive: true });
    for (const [name, bytes] of caseMaker(findTarget(target), seed)(index)) writeFileSync(join(folder, name), bytes);
    writeFileSync(join(folder, 'finding.txt'), `${kind}: ${what}\n${again}\n`);
    return `${kind}: ${what}\n  again: ${again}\n  input: ${folder}`;
  }

  /** How many kinds of failure there were. */
  get kinds(): number {
    return this.#seen.size;
  }
}

/** Failures are alike that come from the same places, whatever value their messages name. */
function placesOf(what: string): string {
  const [first, ...places] = what.split('\n');
  return places.length > 0 ? `${first.split(':')[0]} ${places.join(' ')}` : what.replace(/\d+/g, '#');
}
