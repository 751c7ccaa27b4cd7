import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { FileSystem } from '../quant/file-system.ts';
import type { Mode } from '../quant/schemes/scheme.ts';
import { folderContents } from './folder-contents.ts';
import { hastyFileSystem } from './hasty-file-system.ts';

type Contents = Record<string, string>;

/** Names beside the output that a run may leave, for a later one to find: none of them is a final name. */
const leftovers = /^out\.cider-(partial|old|lock(\.stale)?)$/;

/**
 * Looks at a folder with the output `out` after a run that was cut short: under the final name is nothing, the former
 * output in full, or the new one in full; where there was a former one and nothing is there, it stands in full where the
 * next run looks for it (`aside`).
 */
export function expectWholeOrAbsent(
  root: string,
  { former, wanted }: { former?: Contents | undefined; wanted: Contents },
  message = '',
): 'absent' | 'former' | 'aside' | 'new' {
  const others = readdirSync(root).filter((name) => name !== 'in' && name !== 'out' && !leftovers.test(name));
  expect(others, message).toEqual([]);
  if (!existsSync(join(root, 'out'))) {
    if (!former) return 'absent';
    expect(folderContents(join(root, 'out.cider-old')), message).toEqual(former);
    return 'aside';
  }
  const found = folderContents(join(root, 'out'));
  if (former && JSON.stringify(found) === JSON.stringify(former)) return 'former';
  expect(found, message).toEqual(wanted);
  return 'new';
}

/** How a conversion of `root/in` to `root/out` is run. */
export interface Run {
  fileSystem: FileSystem;
  overwrite?: boolean;
  resume?: boolean;
  mode?: Mode;
}

/** A conversion that is disturbed again and again, and each time gone on with. */
export class Scene {
  readonly root: string;
  readonly #convert: (run: Run) => Promise<void>;
  readonly #wanted: Contents;
  readonly #former: Contents | undefined;

  private constructor(root: string, convert: (run: Run) => Promise<void>, wanted: Contents, former?: Contents) {
    this.root = root;
    this.#convert = convert;
    this.#wanted = wanted;
    this.#former = former;
  }

  /** @param hasFormer whether the output of other options is there, to be replaced */
  static async stage(root: string, convert: (run: Run) => Promise<void>, hasFormer: boolean): Promise<Scene> {
    const out = join(root, 'out');
    await convert({ fileSystem: hastyFileSystem });
    const wanted = folderContents(out);
    rmSync(out, { recursive: true });
    if (!hasFormer) return new Scene(root, convert, wanted);
    await convert({ fileSystem: hastyFileSystem, mode: 'w4a16' });
    cpSync(out, `${root}-former`, { recursive: true });
    return new Scene(root, convert, wanted, folderContents(out));
  }

  /**
   * Runs the conversion on a file system, looks at what it left, and goes on with it undisturbed.
   *
   * @param restart what the power does to the disk between the two
   * @returns what the disturbed run failed with
   */
  async survive(fileSystem: FileSystem, message: string, restart?: () => void): Promise<unknown> {
    const run = { overwrite: this.#former !== undefined };
    const error: unknown = await this.#convert({ ...run, fileSystem }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    restart?.();
    const outputs = { former: this.#former, wanted: this.#wanted };
    const found = expectWholeOrAbsent(this.root, outputs, message);
    if (error === undefined && restart === undefined) expect(found, message).toBe('new');
    if (found !== 'new') await this.#convert({ ...run, fileSystem: hastyFileSystem, resume: true });
    expect(folderContents(join(this.root, 'out')), message).toEqual(this.#wanted);
    this.#reset();
    return error;
  }

  #reset(): void {
    for (const name of readdirSync(this.root)) {
      if (name !== 'in') rmSync(join(this.root, name), { recursive: true });
    }
    if (this.#former) cpSync(`${this.root}-former`, join(this.root, 'out'), { recursive: true });
  }
}
