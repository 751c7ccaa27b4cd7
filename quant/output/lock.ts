import { ResourceError } from '../errors.ts';
import { fileOperation, isErrno, writeNewFile, type FileSystem } from '../file-system.ts';
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
 * Creates the lock file `path`, or throws `ResourceError` if another run holds it. The lock of a process on this host
 * that is gone is taken over; one from another host is left to the user, since nobody here can tell.
 *
 * @returns a function that gives the lock back
 */
export function acquireLock(fileSystem: FileSystem, path: string, owner: LockOwner): () => void {
  const content = new TextEncoder().encode(`${JSON.stringify({ pid: owner.pid, host: owner.host })}\n`);
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeNewFile(fileSystem, path, content);
      let held = true;
      return () => {
        if (held)
          fileOperation(path, () => {
            fileSystem.remove(path);
          });
        held = false;
      };
    } catch (error) {
      if (!(error instanceof ResourceError) || !isErrno(error.cause, 'EEXIST')) throw error;
    }
    const holder = readHolder(fileSystem, path);
    if (attempt > 0 || holder?.host !== owner.host || owner.isAlive(holder.pid)) {
      throw lockedBy(path, holder);
    }
    removeStale(fileSystem, path, holder);
  }
  throw lockedBy(path, undefined);
}

interface Holder {
  pid: number;
  host: string;
}

function readHolder(fileSystem: FileSystem, path: string): Holder | undefined {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(readWholeFile(path, MAX_LOCK_BYTES, fileSystem)));
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const { pid, host } = parsed as Partial<Holder>;
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host } : undefined;
  } catch {
    return undefined;
  }
}

/** Moves the stale lock aside first: of two runs that found it, only one can move it. */
function removeStale(fileSystem: FileSystem, path: string, stale: Holder): void {
  const aside = `${path}.stale-${stale.pid}`;
  fileOperation(path, () => {
    fileSystem.rename(path, aside);
  });
  const moved = readHolder(fileSystem, aside);
  if (moved?.pid !== stale.pid || moved.host !== stale.host) {
    fileOperation(path, () => {
      fileSystem.rename(aside, path);
    });
    throw lockedBy(path, moved);
  }
  fileOperation(aside, () => {
    fileSystem.remove(aside);
  });
}

function lockedBy(path: string, holder: Holder | undefined): ResourceError {
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another run';
  return new ResourceError(`${path}: ${who} is writing this output`, {
    code: 'E_LOCKED',
    hint: 'wait for it to end; if it no longer runs, remove the lock file',
    details: { file: path, pid: holder?.pid, host: holder?.host },
  });
}
