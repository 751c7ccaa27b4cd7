import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { FileSystem } from '../quant/file-system.ts';
import { hastyFileSystem } from './hasty-file-system.ts';
import { uniformNumbers } from './random-arrays.ts';

/** A file that was written to since it was last made durable. */
interface Unsynced {
  /** Bytes of the file when it was. */
  size: number;
  /** What stood where it was written to, as far as that was in the file, oldest first. */
  before: { offset: number; length: number; bytes: Uint8Array }[];
}

/** A change of names. */
interface NameChange {
  folders: readonly string[];
  undo: () => void;
}

export interface PowerLoss {
  readonly fileSystem: FileSystem;
  /** Whether the operation that the power is lost before has come. */
  readonly isLost: boolean;
  /** Makes of the folder what the disk may hold after the power is back. */
  restart: () => void;
}

/**
 * The real file system, until the power is lost before operation number `at`: from then on nothing works. What the disk
 * then holds is drawn from `seed`, within what POSIX promises to those who fsync, and a journal keeps in order:
 *
 * - what was written to a file after its last fsync is all there, or not there at all (what stood there before is), or
 *   there in part, and the file has its new size, with zeros, or its old one;
 * - of creations, renames and removals, those up to some moment are there and those after it are not; the moment is not
 *   before the last one in a folder that was fsynced since.
 */
export function powerLoss(root: string, at: number, seed: number): PowerLoss {
  const inner = hastyFileSystem;
  const graveyard = fs.mkdtempSync(`${root}-removed-`);
  const paths = new Map<number, string>();
  const unsynced = new Map<number, Unsynced>();
  const changes: NameChange[] = [];
  let durable = 0;
  let operations = 0;
  let graves = 0;

  const isLost = (): boolean => operations > at;
  const step = <T>(run: () => T): T => {
    if (isLost() || operations++ === at) throw new Error('the power is lost');
    return run();
  };
  const inodeOf = (fd: number): number => fs.fstatSync(fd).ino;
  /** A second name for a file that is to lose this one. */
  const bury = (path: string): (() => void) => {
    const grave = join(graveyard, String(graves++));
    fs.linkSync(path, grave);
    return () => {
      fs.renameSync(grave, path);
    };
  };
  const change = (folders: readonly string[], undo: () => void): void => {
    changes.push({ folders, undo });
  };
  const note = (fd: number, offset: number, length: number): void => {
    const { size, ino } = fs.fstatSync(fd);
    const entry = unsynced.get(ino) ?? { size, before: [] };
    unsynced.set(ino, entry);
    const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
    if (bytes.length > 0) fs.readSync(fd, bytes, 0, bytes.length, offset);
    entry.before.push({ offset, length, bytes });
  };

  const fileSystem: FileSystem = {
    open: (path, mode) =>
      step(() => {
        const fd = inner.open(path, mode);
        paths.set(fd, path);
        if (mode !== 'create') return fd;
        unsynced.set(inodeOf(fd), { size: 0, before: [] });
        change([dirname(path)], () => {
          fs.unlinkSync(path);
        });
        return fd;
      }),
    // Whoever is without power closes files too.
    close: (fd) => {
      inner.close(fd);
      if (!isLost()) operations++;
    },
    read: (fd, into, position) => step(() => inner.read(fd, into, position)),
    write: (fd, from, position) =>
      step(() => {
        note(fd, position, from.byteLength);
        return inner.write(fd, from, position);
      }),
    truncate: (fd, size) => {
      step(() => {
        note(fd, size, Math.max(0, fs.fstatSync(fd).size - size));
        inner.truncate(fd, size);
      });
    },
    fsync: (fd) => {
      step(() => {
        inner.fsync(fd);
        if (fs.fstatSync(fd).isDirectory()) {
          const folder = paths.get(fd) ?? '';
          durable = 1 + changes.findLastIndex(({ folders }, i) => i < durable || folders.includes(folder));
        } else unsynced.delete(inodeOf(fd));
      });
    },
    status: (fd) => step(() => inner.status(fd)),
    statusOf: (path) => step(() => inner.statusOf(path)),
    list: (folder) => step(() => inner.list(folder)),
    makeFolder: (path) => {
      step(() => {
        inner.makeFolder(path);
        change([dirname(path)], () => {
          fs.rmdirSync(path);
        });
      });
    },
    makeFolders: (path) => {
      for (const folder of missingFolders(path)) fileSystem.makeFolder(folder);
    },
    rename: (from, to) => {
      step(() => {
        const unearth = fs.statSync(to, { throwIfNoEntry: false })?.isFile() === true ? bury(to) : undefined;
        inner.rename(from, to);
        change([dirname(from), dirname(to)], () => {
          fs.renameSync(to, from);
          unearth?.();
        });
      });
    },
    link: (target, path) => {
      step(() => {
        inner.link(target, path);
        change([dirname(path)], () => {
          fs.unlinkSync(path);
        });
      });
    },
    remove: (path) => {
      step(() => {
        const unearth = bury(path);
        inner.remove(path);
        change([dirname(path)], unearth);
      });
    },
    removeFolder: (path) => {
      step(() => {
        inner.removeFolder(path);
        change([dirname(path)], () => {
          fs.mkdirSync(path);
        });
      });
    },
    realPath: (path) => step(() => inner.realPath(path)),
    freeBytes: (folder) => step(() => inner.freeBytes(folder)),
  };

  return {
    fileSystem,
    get isLost() {
      return isLost();
    },
    restart: () => {
      const random = uniformNumbers(seed);
      const kept = durable + Math.floor(random() * (changes.length - durable + 1));
      for (const { undo } of changes.slice(kept).reverse()) undo();
      for (const path of filesIn(root)) {
        const { ino } = fs.statSync(path);
        const entry = unsynced.get(ino);
        if (entry) lose(path, entry, random);
      }
      fs.rmSync(graveyard, { recursive: true });
      // Whatever is looked at after a restart was written a while ago.
      const past = Date.now() / 1000 - 60;
      for (const path of filesIn(root)) if (basename(path).includes('lock')) fs.utimesSync(path, past, past);
    },
  };
}

/** Takes back what was written without being made durable: all of it, a part, or nothing. */
function lose(path: string, { size, before }: Unsynced, random: () => number): void {
  const part = random();
  const isLost = (): boolean => part < 1 / 3 || (part < 2 / 3 && random() < 0.5);
  const fd = fs.openSync(path, 'r+');
  try {
    for (const { offset, length, bytes } of [...before].reverse()) {
      if (!isLost()) continue;
      const present = Math.max(0, Math.min(length, fs.fstatSync(fd).size - offset));
      const content = new Uint8Array(Math.max(present, bytes.length));
      content.set(bytes);
      if (content.length > 0) fs.writeSync(fd, content, 0, content.length, offset);
    }
    if (part < 1 / 3 && random() < 0.5) fs.ftruncateSync(fd, size);
  } finally {
    fs.closeSync(fd);
  }
}

function missingFolders(path: string): string[] {
  return fs.existsSync(path) ? [] : [...missingFolders(dirname(path)), path];
}

function filesIn(folder: string): string[] {
  return fs
    .readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
