import type { FileSystem } from '../quant/file-system.ts';
import { hastyFileSystem } from './hasty-file-system.ts';

/** What a fault can happen to. A file is opened to be read (`open`), to be created, or to be changed (`modify`). */
type Operation =
  | ('open' | 'create' | 'modify' | 'close' | 'read' | 'write' | 'ftruncate' | 'fsync' | 'fstat' | 'stat')
  | ('scandir' | 'mkdir' | 'rename' | 'symlink' | 'unlink' | 'rmdir' | 'realpath' | 'statfs');

interface FaultKind {
  /** What the operation fails with; undefined: it moves half of its bytes. */
  errno: string | undefined;
  /** Where it can happen; undefined: everywhere. */
  at: readonly Operation[] | undefined;
}

const growing: readonly Operation[] = ['create', 'write', 'ftruncate', 'mkdir', 'rename', 'fsync', 'close'];
const onPaths: readonly Operation[] = [
  'open',
  'create',
  'modify',
  'stat',
  'scandir',
  'mkdir',
  'rename',
  'unlink',
  'rmdir',
];

/** One operation fails with an errno, moves half of its bytes (`short`), or, where it matters most, fails at all. */
export type Fault =
  | ('ENOSPC' | 'EIO' | 'EINTR' | 'EMFILE' | 'EROFS' | 'EACCES')
  | ('short read' | 'short write' | 'fsync error' | 'rename error');

const kinds: Record<Fault, FaultKind> = {
  ENOSPC: { errno: 'ENOSPC', at: growing },
  EIO: { errno: 'EIO', at: undefined },
  EINTR: { errno: 'EINTR', at: undefined },
  EMFILE: { errno: 'EMFILE', at: ['open', 'create', 'modify', 'scandir'] },
  EROFS: { errno: 'EROFS', at: ['create', 'modify', 'mkdir', 'rename', 'symlink', 'unlink', 'rmdir'] },
  EACCES: { errno: 'EACCES', at: onPaths },
  'short read': { errno: undefined, at: ['read'] },
  'short write': { errno: undefined, at: ['write'] },
  'fsync error': { errno: 'EIO', at: ['fsync'] },
  'rename error': { errno: 'EXDEV', at: ['rename'] },
};

export const faults: readonly Fault[] = Object.keys(kinds) as Fault[];

/** Code of the error that a fault becomes. */
export const codeOf = (fault: Fault): string => `E_${kinds[fault].errno ?? 'NONE'}`;

/** Faults that a program has to do its work in spite of: calls that are interrupted, or do less than they were asked. */
export const isOvercome = (fault: Fault): boolean => fault === 'EINTR' || kinds[fault].errno === undefined;

export interface FaultyFileSystem extends FileSystem {
  /** Whether the operation that was to fail has come. */
  readonly fired: boolean;
  /** Handles that were opened and not closed. */
  readonly openFiles: number;
}

/**
 * The real file system, but for one operation: number `at`, counted from 0 over all that the fault can happen to. Of
 * closing, only that of a file that was written to counts: no other has bad news to bring.
 */
export function faultyFileSystem(fault: Fault, at: number): FaultyFileSystem {
  const { errno, at: places }: FaultKind = kinds[fault];
  const inner = hastyFileSystem;
  const opened = new Map<number, 'read' | 'create' | 'modify'>();
  let count = 0;

  const isStruck = (operation: Operation): boolean =>
    (places === undefined || places.includes(operation)) && count++ === at;
  const attempt = <T>(operation: Operation, run: () => T): T => {
    if (isStruck(operation) && errno !== undefined) throw failure(errno, operation);
    return run();
  };
  const transfer = (operation: 'read' | 'write', bytes: Uint8Array, run: (part: Uint8Array) => number): number => {
    if (!isStruck(operation)) return run(bytes);
    if (errno !== undefined) throw failure(errno, operation);
    return run(bytes.subarray(0, Math.ceil(bytes.byteLength / 2)));
  };
  return {
    get fired() {
      return count > at;
    },
    get openFiles() {
      return opened.size;
    },
    open: (path, mode) =>
      attempt(mode === 'read' ? 'open' : mode, () => {
        const fd = inner.open(path, mode);
        opened.set(fd, mode);
        return fd;
      }),
    /** Closes whatever happens, as the kernel does. */
    close: (fd) => {
      const mode = opened.get(fd);
      opened.delete(fd);
      inner.close(fd);
      // An interrupted close has closed the file, and Node says nothing of it.
      if (mode !== 'read' && errno !== 'EINTR') attempt('close', () => undefined);
    },
    read: (fd, into, position) => transfer('read', into, (part) => inner.read(fd, part, position)),
    write: (fd, from, position) => transfer('write', from, (part) => inner.write(fd, part, position)),
    truncate: (fd, size) => {
      attempt('ftruncate', () => {
        inner.truncate(fd, size);
      });
    },
    fsync: () => {
      attempt('fsync', () => undefined);
    },
    status: (fd) => attempt('fstat', () => inner.status(fd)),
    statusOf: (path) => attempt('stat', () => inner.statusOf(path)),
    list: (folder) => attempt('scandir', () => inner.list(folder)),
    makeFolder: (path) => {
      attempt('mkdir', () => {
        inner.makeFolder(path);
      });
    },
    makeFolders: (path) => {
      attempt('mkdir', () => {
        inner.makeFolders(path);
      });
    },
    rename: (from, to) => {
      attempt('rename', () => {
        inner.rename(from, to);
      });
    },
    link: (target, path) => {
      attempt('symlink', () => {
        inner.link(target, path);
      });
    },
    remove: (path) => {
      attempt('unlink', () => {
        inner.remove(path);
      });
    },
    removeFolder: (path) => {
      attempt('rmdir', () => {
        inner.removeFolder(path);
      });
    },
    realPath: (path) => attempt('realpath', () => inner.realPath(path)),
    freeBytes: (folder) => attempt('statfs', () => inner.freeBytes(folder)),
  };
}

/** Looks like an error of Node's. */
function failure(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: injected, ${syscall}`), { code, syscall });
}

/** Runs again and again with each fault, one operation later each time, until a run has ended before the fault came. */
export function forEachFault(run: (fileSystem: FaultyFileSystem, fault: Fault) => void): void {
  for (const fault of faults) {
    for (let at = 0; ; at++) {
      const fileSystem = faultyFileSystem(fault, at);
      run(fileSystem, fault);
      if (!fileSystem.fired) break;
    }
  }
}
