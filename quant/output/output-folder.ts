import { basename, dirname, join, sep } from 'node:path';
import { ResourceError, UsageError } from '../errors.ts';
import { fileOperation, isErrno, statusOf, syncFolder, type FileSystem } from '../file-system.ts';
import { readWholeFile } from '../read-file.ts';
import { acquireLock, type LockOwner } from './lock.ts';
import { MANIFEST_NAME, readManifest, sha256, type Manifest } from './manifest.ts';
import { parentFolder } from './parent-folder.ts';

export interface ClaimOptions {
  /** Replace an earlier output of ours. */
  overwrite: boolean;
  owner: LockOwner;
}

/**
 * A folder that comes into being whole or not at all. Files are written into a sibling, `NAME.cider-partial`, which
 * takes the final name by a rename after everything in it is durable. An output that is replaced is renamed to
 * `NAME.cider-old` first and removed last, so that at every moment either the old or the new one is there in full; a
 * run that finds such a leftover completes or undoes the exchange.
 */
export class OutputFolder {
  readonly path: string;
  readonly partialPath: string;
  readonly #oldPath: string;
  readonly #fileSystem: FileSystem;
  readonly #unlock: () => void;

  private constructor(fileSystem: FileSystem, path: string, unlock: () => void) {
    this.#fileSystem = fileSystem;
    this.path = path;
    this.partialPath = `${path}.cider-partial`;
    this.#oldPath = `${path}.cider-old`;
    this.#unlock = unlock;
  }

  /** Checks that `path` can become the output of a run that reads `input`, and locks it. Nothing is created but the lock. */
  static claim(fileSystem: FileSystem, path: string, input: string, options: ClaimOptions): OutputFolder {
    const target = resolveOutput(fileSystem, path);
    refuseOverlap(fileSystem, target, input);
    const unlock = lockOutput(fileSystem, target, options.owner);
    try {
      const output = new OutputFolder(fileSystem, target, unlock);
      output.#finishExchange();
      refuseExisting(fileSystem, target, options.overwrite);
      return output;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /** Starts the partial folder anew. */
  begin(): void {
    this.discard();
    fileOperation(this.partialPath, () => {
      this.#fileSystem.makeFolder(this.partialPath);
    });
  }

  /** Removes from the partial folder what does not stand in `names`. */
  keepOnly(names: readonly string[]): void {
    for (const name of fileOperation(this.partialPath, () => this.#fileSystem.list(this.partialPath))) {
      if (!names.includes(name)) this.#remove(join(this.partialPath, name));
    }
  }

  /** Removes the partial folder. */
  discard(): void {
    if (statusOf(this.#fileSystem, this.partialPath)) removeFlatFolder(this.#fileSystem, this.partialPath);
  }

  /** Gives the partial folder its final name. All files in it must be durable. */
  commit(): void {
    const parent = dirname(this.path);
    syncFolder(this.#fileSystem, this.partialPath);
    const existing = statusOf(this.#fileSystem, this.path) !== undefined;
    if (existing) this.#rename(this.path, this.#oldPath);
    this.#rename(this.partialPath, this.path);
    syncFolder(this.#fileSystem, parent);
    if (existing) removeFlatFolder(this.#fileSystem, this.#oldPath);
  }

  /** Gives the lock back; safe to call twice. */
  release(): void {
    this.#unlock();
  }

  /** An exchange that a crash cut short: the old folder goes if the new one arrived, else it gets its name back. */
  #finishExchange(): void {
    if (statusOf(this.#fileSystem, this.#oldPath) === undefined) return;
    if (statusOf(this.#fileSystem, this.path) === undefined) this.#rename(this.#oldPath, this.path);
    else removeFlatFolder(this.#fileSystem, this.#oldPath);
  }

  #remove(path: string): void {
    fileOperation(path, () => {
      this.#fileSystem.remove(path);
    });
  }

  #rename(from: string, to: string): void {
    fileOperation(to, () => {
      this.#fileSystem.rename(from, to);
    });
  }
}

/** The real path that the output will have; its parent must exist. A link to a folder stands for that folder. */
function resolveOutput(fileSystem: FileSystem, path: string): string {
  if (statusOf(fileSystem, path) !== undefined) return fileOperation(path, () => fileSystem.realPath(path));
  const parent = parentFolder(fileSystem, path);
  return join(
    fileOperation(parent, () => fileSystem.realPath(parent)),
    basename(path),
  );
}

function refuseOverlap(fileSystem: FileSystem, target: string, input: string): void {
  const source = fileOperation(input, () => fileSystem.realPath(input));
  const within = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(`${outer}${sep}`);
  if (!within(target, source) && !within(source, target)) return;
  const relation =
    target === source ? 'the input itself' : within(target, source) ? 'inside the input' : 'around the input';
  throw new UsageError(`${target}: the output is ${relation}`, {
    code: 'E_OUTPUT_IS_INPUT',
    hint: 'choose a folder beside the input; the input is never changed',
    details: { file: target, input: source },
  });
}

function lockOutput(fileSystem: FileSystem, target: string, owner: LockOwner): () => void {
  try {
    return acquireLock(fileSystem, `${target}.cider-lock`, owner);
  } catch (error) {
    if (!(error instanceof ResourceError) || !isErrno(error.cause, 'EACCES', 'EPERM', 'EROFS')) throw error;
    throw new ResourceError(`${dirname(target)}: the folder is not writable (${error.cause.code ?? ''})`, {
      code: 'E_NOT_WRITABLE',
      hint: 'check its permissions, or choose another output',
      details: { file: target, errno: error.cause.code },
      cause: error,
    });
  }
}

/** An existing output is replaced only on request, and only if every file in it is one that an earlier run wrote. */
function refuseExisting(fileSystem: FileSystem, target: string, overwrite: boolean): void {
  const status = statusOf(fileSystem, target);
  if (status === undefined) return;
  const refuse = (message: string, hint: string): never => {
    throw new UsageError(`${target}: ${message}`, { code: 'E_OUTPUT_EXISTS', hint, details: { file: target } });
  };
  if (status.kind !== 'folder') refuse('the output is not a folder', 'choose another output');
  const names = fileOperation(target, () => fileSystem.list(target));
  if (names.length === 0) return;
  if (!overwrite) refuse('the output exists', 'choose another output, or add --overwrite to replace an earlier one');
  const manifest = readManifest(fileSystem, target);
  if (!manifest)
    return refuse(
      `the folder has no ${MANIFEST_NAME}, so cider did not write it`,
      'remove it yourself, or choose another output',
    );
  const foreign = names.find((name) => name !== MANIFEST_NAME && !isUnchanged(fileSystem, target, name, manifest));
  if (foreign !== undefined) {
    refuse(`"${foreign}" is not as cider wrote it`, 'move it away, or choose another output');
  }
}

/** Weights are compared by size alone, which is quick; everything that people edit is compared by content. */
function isUnchanged(fileSystem: FileSystem, folder: string, name: string, manifest: Manifest): boolean {
  const expected = manifest.files.find((file) => file.name === name);
  const path = join(folder, name);
  const status = statusOf(fileSystem, path);
  if (!expected || status?.kind !== 'file' || status.size !== expected.bytes) return false;
  return name.endsWith('.safetensors') || sha256(readWholeFile(path, expected.bytes, fileSystem)) === expected.sha256;
}

/** Removes a folder that holds only files, as ours do; anything else in it makes this fail and stays. */
function removeFlatFolder(fileSystem: FileSystem, folder: string): void {
  for (const name of fileOperation(folder, () => fileSystem.list(folder))) {
    const path = join(folder, name);
    fileOperation(path, () => {
      fileSystem.remove(path);
    });
  }
  fileOperation(folder, () => {
    fileSystem.removeFolder(folder);
  });
}
