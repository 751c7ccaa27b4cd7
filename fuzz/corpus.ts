import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import type { Input, Target } from './target.ts';

/** Compiled code lies two folders below the root of the repository. */
export const fuzzFolder: string = fileURLToPath(new URL('../../fuzz', import.meta.url));

/**
 * The seeds of a target: `corpus/<target>/<entry>` is the one file that its inputs consist of, or a folder with several.
 * In the order of their names, since cases count on it.
 */
export function readCorpus({ name, corpus = name, files }: Pick<Target, 'name' | 'corpus' | 'files'>): Input[] {
  const folder = join(fuzzFolder, 'corpus', corpus);
  const entries = readdirSync(folder).sort();
  if (entries.length === 0) throw new Error(`${folder} is empty`);
  const [single] = Object.keys(files);
  return entries.map((entry) => {
    const path = join(folder, entry);
    if (!statSync(path).isDirectory()) return new Map([[single, Uint8Array.from(readFileSync(path))]]);
    const names = readdirSync(path).sort();
    return new Map(names.map((file) => [file, Uint8Array.from(readFileSync(join(path, file)))]));
  });
}
