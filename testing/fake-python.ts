import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a stand-in for Python does when it is asked to list neighbours, and when it is asked to run one. */
export interface FakeBehaviour {
  list: 'all' | 'none' | 'garbage';
  run?: FakeRun;
}

export type FakeRun =
  /** Loads the checkpoint as cider does, or another one in its place. */
  | { does: 'answer'; model?: string }
  /** As many logits as asked for, all of them 0; `columns` and `bytes` say something else. */
  | { does: 'zeros'; columns?: number; bytes?: number }
  /** Answers that it failed. */
  | { does: 'fail'; error: string }
  | { does: 'print'; text: string; exitCode: number }
  | { does: 'flood' }
  /** Starts a process, writes its id to a file, and never ends. */
  | { does: 'hang'; pidFile: string };

const program = fileURLToPath(new URL('./fake-neighbour.js', import.meta.url));

/** Writes an executable that speaks as neighbours.py does. @returns its path */
export function fakePython(folder: string, behaviour: FakeBehaviour): string {
  const path = join(folder, 'python3');
  const start = `import(${JSON.stringify(program)}).then(({ play }) => play(${JSON.stringify(behaviour)}));`;
  writeFileSync(path, `#!${process.execPath}\n${start}\n`, { mode: 0o755 });
  return path;
}
