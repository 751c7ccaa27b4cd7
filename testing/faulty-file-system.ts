import { nodeFileSystem, type FileSystem } from '../quant/file-system.ts';

/** An errno that one operation fails with, or a read or write that moves half of its bytes. */
export const faults = ['ENOSPC', 'EIO', 'EINTR', 'short'] as const;
export type Fault = (typeof faults)[number];

export interface FaultyFileSystem extends FileSystem {
  /** Whether the operation that was to fail has come. */
  readonly fired: boolean;
  /** Handles that were opened and not closed. */
  readonly openFiles: number;
}

/** The real file system, but for one operation: number `at`, counted from 0 over all operations. */
export function faultyFileSystem(fault: Fault, at: number): FaultyFileSystem {
  const inner = nodeFileSystem;
  const opened = new Map<number, 'read' | 'create' | 'modify'>();
  let operations = 0;

  const attempt = <T>(syscall: string, operation: () => T): T => {
    if (operations++ === at && fault !== 'short') throw failure(fault, syscall);
    return operation();
  };
  const transfer = (syscall: string, bytes: Uint8Array, operation: (part: Uint8Array) => number): number => {
    const isShort = fault === 'short' && operations === at;
    return attempt(syscall, () => operation(isShort ? bytes.subarray(0, Math.ceil(bytes.byteLength / 2)) : bytes));
  };
  return {
    get fired() {
      return operations > at;
    },
    get openFiles() {
      return opened.size;
    },
    open: (path, mode) =>
      attempt('open', () => {
        const fd = inner.open(path, mode);
        opened.set(fd, mode);
        return fd;
      }),
    /** Closes whatever happens, as the kernel does; only a handle that was written to has bad news to bring. */
    close: (fd) => {
      const mode = opened.get(fd);
      opened.delete(fd);
      inner.close(fd);
      if (mode !== 'read' && fault !== 'EINTR') attempt('close', () => undefined);
    },
    read: (fd, into, position) => transfer('read', into, (part) => inner.read(fd, part, position)),
    write: (fd, from, position) => transfer('write', from, (part) => inner.write(fd, part, position)),
    truncate: (fd, size) => {
      attempt('ftruncate', () => {
        inner.truncate(fd, size);
      });
    },
    fsync: (fd) => {
      attempt('fsync', () => {
        inner.fsync(fd);
      });
    },
    status: (fd) => attempt('fstat', () => inner.status(fd)),
    statusOf: (path) => attempt('stat', () => inner.statusOf(path)),
    list: (folder) => attempt('scandir', () => inner.list(folder)),
    makeFolder: (path) => {
      attempt('mkdir', () => {
        inner.makeFolder(path);
      });
    },
    rename: (from, to) => {
      attempt('rename', () => {
        inner.rename(from, to);
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
function failure(code: Exclude<Fault, 'short'>, syscall: string): Error {
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
