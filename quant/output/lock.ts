import { InputError, NotFoundError, ResourceError } from '../errors.ts';
import { fileOperation, isErrno, removeQuietly, statusOf, writeNewFile, type FileSystem } from '../file-system.ts';
import { readWholeFile } from '../read-file.ts';

/** Who asks for a lock, and how to tell whether another process on this host still lives. */
export interface LockOwner {
  pid: number;
  host: string;
  isAlive: (pid: number) => boolean;
}

/** A lock file holds two short fields; anything longer was not written by us. */
const MAX_LOCK_BYTES = 4096;

/**
 * A lock file names its holder a moment after it comes into being. One that still names nobody after this time never
 * will: its run was killed in that moment, or the power went out before the name was on the disk.
 */
const NAMELESS_MILLISECONDS = 2000;

const POLL_MILLISECONDS = 50;

/** Locks that are found given back or without a living holder, before it is said that somebody else is quicker. */
const MAX_ATTEMPTS = 3;

/**
 * Creates the lock file `path`, or throws `ResourceError` if another run holds it. The lock of a process on this host
 * that is gone is taken over; one from another host is left to the user, since nobody here can tell.
 *
 * @returns a function that gives the lock back
 */
export function acquireLock(fileSystem: FileSystem, path: string, owner: LockOwner): () => void {
  const content = new TextEncoder().encode(`${JSON.stringify({ pid: owner.pid, host: owner.host })}\n`);
  let found: LockContent = 'gone';
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    try {
      writeNewFile(fileSystem, path, content);
      return heldLock(fileSystem, path, owner);
    } catch (error) {
      if (!(error instanceof ResourceError) || !isErrno(error.cause, 'EEXIST')) throw error;
    }
    found = awaitName(fileSystem, path);
    if (found === 'gone') continue;
    const isStale = found === 'nameless' || (isHolder(found) && found.host === owner.host && !owner.isAlive(found.pid));
    if (!isStale) break;
    removeStale(fileSystem, path, found);
  }
  throw lockedBy(path, found);
}

interface Holder {
  pid: number;
  host: string;
}

/** Who holds a lock; or that it names nobody yet, was not written by us, or is not there. */
type LockContent = Holder | 'nameless' | 'foreign' | 'gone';

const isHolder = (content: LockContent): content is Holder => typeof content === 'object';

const isEqual = (a: LockContent, b: LockContent): boolean =>
  isHolder(a) && isHolder(b) ? a.pid === b.pid && a.host === b.host : a === b;

/** A run that stood still before it named itself may find that another one took its lock for a dead one's. */
function heldLock(fileSystem: FileSystem, path: string, owner: LockOwner): () => void {
  let found: LockContent;
  try {
    found = readLock(fileSystem, path);
  } catch (error) {
    removeQuietly(fileSystem, path);
    throw error;
  }
  if (!isEqual(found, { pid: owner.pid, host: owner.host })) throw lockedBy(path, found);
  let held = true;
  return () => {
    if (held)
      fileOperation(path, () => {
        fileSystem.remove(path);
      });
    held = false;
  };
}

/** What the lock holds, after the time that a living run needs to write its name. */
function awaitName(fileSystem: FileSystem, path: string): LockContent {
  for (let waited = 0; ; waited += POLL_MILLISECONDS) {
    const found = readLock(fileSystem, path);
    if (found !== 'nameless' || waited >= NAMELESS_MILLISECONDS) return found;
    const age = Date.now() - (statusOf(fileSystem, path)?.mtimeMs ?? 0);
    if (age >= NAMELESS_MILLISECONDS) return found;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, POLL_MILLISECONDS);
  }
}

function readLock(fileSystem: FileSystem, path: string): LockContent {
  let text: string;
  try {
    text = new TextDecoder().decode(readWholeFile(path, MAX_LOCK_BYTES, fileSystem));
  } catch (error) {
    if (error instanceof NotFoundError) return 'gone';
    if (error instanceof InputError) return 'foreign';
    throw error;
  }
  // Nothing, a part of it, or the zeros that some file systems show after a power loss.
  const isCut = /^(\{[^}]*)?\0*$/.test(text);
  return isCut ? 'nameless' : (parseHolder(text) ?? 'foreign');
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, host } = (JSON.parse(text) ?? {}) as Partial<Record<keyof Holder, unknown>>;
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host } : undefined;
  } catch {
    return undefined;
  }
}

/** Moves the stale lock aside first: of two runs that found it, only one can move it. */
function removeStale(fileSystem: FileSystem, path: string, stale: LockContent): void {
  const aside = `${path}.stale`;
  try {
    fileOperation(path, () => {
      fileSystem.rename(path, aside);
    });
  } catch (error) {
    // Given back, or moved by another run, in the meantime.
    if (error instanceof NotFoundError) return;
    throw error;
  }
  const moved = readLock(fileSystem, aside);
  if (!isEqual(moved, stale)) {
    fileOperation(path, () => {
      fileSystem.rename(aside, path);
    });
    throw lockedBy(path, moved);
  }
  fileOperation(aside, () => {
    fileSystem.remove(aside);
  });
}

function lockedBy(path: string, found: LockContent): ResourceError {
  const holder = isHolder(found) ? found : undefined;
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another run';
  return new ResourceError(`${path}: ${who} is writing this output`, {
    code: 'E_LOCKED',
    hint: 'wait for it to end; if it no longer runs, remove the lock file',
    details: { file: path, pid: holder?.pid, host: holder?.host },
  });
}
