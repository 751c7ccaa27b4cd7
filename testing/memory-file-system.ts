import { dirname } from 'node:path';
import type { FileStatus, FileSystem } from '../quant/file-system.ts';

/** The folder that the files are in. */
export const FOLDER = '/model';

/** A file system of one folder, in memory. @param contents of its files, by name */
export function memoryFiles(contents: ReadonlyMap<string, Uint8Array>): FileSystem {
  const files = new Map<string, Uint8Array>([...contents].map(([name, bytes]) => [`${FOLDER}/${name}`, bytes]));
  const opened = new Map<number, string>();
  let next = 3;

  const contentOf = (path: string, syscall: string): Uint8Array => {
    const bytes = files.get(path);
    if (!bytes) throw failure('ENOENT', syscall);
    return bytes;
  };
  const fileOf = (fd: number, syscall: string): string => {
    const path = opened.get(fd);
    if (path === undefined) throw failure('EBADF', syscall);
    return path;
  };
  const statusOf = (path: string): FileStatus | undefined => {
    const bytes = files.get(path);
    const kind = path === FOLDER ? 'folder' : 'file';
    if (!bytes && kind === 'file') return undefined;
    return { size: bytes?.byteLength ?? 0, mtimeMs: 0, inode: 1, device: 1, kind };
  };
  return {
    open: (path, mode) => {
      if (mode === 'create') {
        if (files.has(path)) throw failure('EEXIST', 'open');
        files.set(path, new Uint8Array(0));
      }
      contentOf(path, 'open');
      opened.set(next, path);
      return next++;
    },
    close: (fd) => {
      fileOf(fd, 'close');
      opened.delete(fd);
    },
    read: (fd, into, position) => {
      const part = contentOf(fileOf(fd, 'read'), 'read').subarray(position, position + into.byteLength);
      into.set(part);
      return part.byteLength;
    },
    write: (fd, from, position) => {
      const path = fileOf(fd, 'write');
      const before = contentOf(path, 'write').subarray(0, position);
      files.set(path, Buffer.concat([before, from]));
      return from.byteLength;
    },
    truncate: (fd, size) => {
      const path = fileOf(fd, 'ftruncate');
      files.set(path, contentOf(path, 'ftruncate').slice(0, size));
    },
    fsync: () => undefined,
    status: (fd) => statusOf(fileOf(fd, 'fstat')) ?? fail('fstat'),
    statusOf,
    list: (folder) =>
      [...files.keys()].filter((path) => dirname(path) === folder).map((path) => path.slice(folder.length + 1)),
    makeFolder: () => fail('mkdir'),
    makeFolders: () => fail('mkdir'),
    link: () => fail('symlink'),
    rename: (from, to) => {
      files.set(to, contentOf(from, 'rename'));
      files.delete(from);
    },
    remove: (path) => {
      contentOf(path, 'unlink');
      files.delete(path);
    },
    removeFolder: () => fail('rmdir'),
    realPath: (path) => {
      if (path !== FOLDER) contentOf(path, 'realpath');
      return path;
    },
    freeBytes: () => 2 ** 40,
  };
}

/** Looks like an error of Node's. */
function failure(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: ${syscall}`), { code, syscall });
}

function fail(syscall: string): never {
  throw failure('ENOSYS', syscall);
}
