import * as fs from 'node:fs';
import { NotFoundError, ResourceError } from './errors.ts';

export interface FileStatus {
  size: number;
  mtimeMs: number;
  inode: number;
  device: number;
  kind: 'file' | 'folder' | 'other';
}

/**
 * The file operations that checkpoints need, so that a test can make each of them fail. Calls are synchronous: bulk
 * work runs in worker threads. `read` and `write` may move fewer bytes than asked; `readExactly` and `writeExactly`
 * loop over them. Operations throw Node's own errors (`code`, `errno`, `syscall`).
 */
export interface FileSystem {
  /** `create` fails if the file exists; `modify` opens an existing file for writing at positions. */
  open(path: string, mode: 'read' | 'create' | 'modify'): number;
  close(fd: number): void;
  read(fd: number, into: Uint8Array, position: number): number;
  write(fd: number, from: Uint8Array, position: number): number;
  truncate(fd: number, size: number): void;
  fsync(fd: number): void;
  status(fd: number): FileStatus;
  statusOf(path: string): FileStatus | undefined;
  list(folder: string): string[];
  makeFolder(path: string): void;
  /** With the folders above it; fine if it is there. */
  makeFolders(path: string): void;
  rename(from: string, to: string): void;
  /** Makes a symbolic link at `path`. */
  link(target: string, path: string): void;
  remove(path: string): void;
  removeFolder(path: string): void;
  realPath(path: string): string;
  freeBytes(folder: string): number;
}

const toStatus = (stats: fs.Stats): FileStatus => ({
  size: stats.size,
  mtimeMs: stats.mtimeMs,
  inode: stats.ino,
  device: stats.dev,
  kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other',
});

const openFlags = { read: 'r', create: 'wx+', modify: 'r+' } as const;

export const nodeFileSystem: FileSystem = {
  open: (path, mode) => fs.openSync(path, openFlags[mode]),
  close: (fd) => {
    fs.closeSync(fd);
  },
  read: (fd, into, position) => fs.readSync(fd, into, 0, Math.min(into.byteLength, MAX_TRANSFER_BYTES), position),
  write: (fd, from, position) => fs.writeSync(fd, from, 0, Math.min(from.byteLength, MAX_TRANSFER_BYTES), position),
  truncate: (fd, size) => {
    fs.ftruncateSync(fd, size);
  },
  fsync: (fd) => {
    fs.fsyncSync(fd);
  },
  status: (fd) => toStatus(fs.fstatSync(fd)),
  statusOf: (path) => {
    const stats = fs.statSync(path, { throwIfNoEntry: false });
    return stats && toStatus(stats);
  },
  list: (folder) => fs.readdirSync(folder).sort(),
  makeFolder: (path) => {
    fs.mkdirSync(path);
  },
  makeFolders: (path) => {
    fs.mkdirSync(path, { recursive: true });
  },
  rename: (from, to) => {
    fs.renameSync(from, to);
  },
  link: (target, path) => {
    fs.symlinkSync(target, path);
  },
  remove: (path) => {
    fs.unlinkSync(path);
  },
  removeFolder: (path) => {
    fs.rmdirSync(path);
  },
  realPath: (path) => fs.realpathSync(path),
  freeBytes: (folder) => {
    const { bavail, bsize } = fs.statfsSync(folder);
    return bavail * bsize;
  },
};

/** One call of read or write: Linux moves at most 2^31 - 4096 bytes, and Node rejects lengths of 2^31 and more. */
const MAX_TRANSFER_BYTES = 256 * 1024 * 1024;

/** A signal handler may interrupt a call any number of times, but not this often without a fault behind it. */
const MAX_INTERRUPTIONS = 100;

/**
 * Runs a file operation again while it is interrupted (EINTR); any other failure becomes a typed error that names the
 * path, the errno and, where one is given, the offset.
 */
export function fileOperation<T>(path: string, operation: () => T, offset?: number): T {
  for (let attempt = 0; ; attempt++) {
    try {
      return operation();
    } catch (error) {
      if (isErrno(error, 'EINTR') && attempt < MAX_INTERRUPTIONS) continue;
      throw toFileError(error, path, offset);
    }
  }
}

/** What stands at `path`, or undefined; links are followed. */
export function statusOf(fileSystem: FileSystem, path: string): FileStatus | undefined {
  return fileOperation(path, () => fileSystem.statusOf(path));
}

/** Fills `into` from `position`; false if the file ends first, and the caller knows what that means. */
export function readExactly(
  fileSystem: FileSystem,
  fd: number,
  into: Uint8Array,
  position: number,
  path: string,
): boolean {
  let done = 0;
  while (done < into.byteLength) {
    const at = position + done;
    const count = fileOperation(path, () => fileSystem.read(fd, into.subarray(done), at), at);
    if (count === 0) return false;
    done += count;
  }
  return true;
}

/** Writes all of `from` at `position`. */
export function writeExactly(
  fileSystem: FileSystem,
  fd: number,
  from: Uint8Array,
  position: number,
  path: string,
): void {
  let done = 0;
  while (done < from.byteLength) {
    const at = position + done;
    const count = fileOperation(path, () => fileSystem.write(fd, from.subarray(done), at), at);
    if (count === 0) {
      throw new ResourceError(`${path}: the disk took no bytes at offset ${at}`, {
        code: 'E_WRITE_STALLED',
        details: { file: path, offset: at },
      });
    }
    done += count;
  }
}

/** Closes a file; for one that was written to, that may be when the disk reports what went wrong. */
export function closeFile(fileSystem: FileSystem, fd: number, path: string): void {
  fileOperation(path, () => {
    fileSystem.close(fd);
  });
}

/** Creates a file that must not exist and makes its content durable; if that fails, there is no file. */
export function writeNewFile(fileSystem: FileSystem, path: string, content: Uint8Array): void {
  const fd = fileOperation(path, () => fileSystem.open(path, 'create'));
  try {
    try {
      writeExactly(fileSystem, fd, content, 0, path);
      fileOperation(path, () => {
        fileSystem.fsync(fd);
      });
    } finally {
      closeFile(fileSystem, fd, path);
    }
  } catch (error) {
    removeQuietly(fileSystem, path);
    throw error;
  }
}

/** Writes a file under another name first, so that its own name stands for the old content or the new one, in full. */
export function replaceFile(fileSystem: FileSystem, path: string, content: Uint8Array): void {
  const temporary = `${path}.new`;
  if (statusOf(fileSystem, temporary))
    fileOperation(temporary, () => {
      fileSystem.remove(temporary);
    });
  writeNewFile(fileSystem, temporary, content);
  fileOperation(path, () => {
    fileSystem.rename(temporary, path);
  });
}

/** @throws NotFoundError, ResourceError */
export function removeFile(fileSystem: FileSystem, path: string): void {
  fileOperation(path, () => {
    fileSystem.remove(path);
  });
}

/** Removes what a failure left behind. The error that led here says more than a second one would. */
export function removeQuietly(fileSystem: FileSystem, path: string): void {
  try {
    removeFile(fileSystem, path);
  } catch {
    return;
  }
}

/** Makes renames in a folder durable. */
export function syncFolder(fileSystem: FileSystem, folder: string): void {
  const fd = fileOperation(folder, () => fileSystem.open(folder, 'read'));
  try {
    fileOperation(folder, () => {
      fileSystem.fsync(fd);
    });
  } finally {
    closeFile(fileSystem, fd, folder);
  }
}

export function isErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space or choose another disk for the output',
  EDQUOT: 'your disk quota is used up; free some space or choose another disk for the output',
  EACCES: 'check the permissions of the file and its folder',
  EPERM: 'check the permissions of the file and its folder',
  EROFS: 'the file system is read-only; choose another output folder',
  EMFILE: 'too many files are open; raise the limit with: ulimit -n 4096',
  ENFILE: 'too many files are open on this machine',
  ENAMETOOLONG: 'choose a shorter name: most file systems take 255 bytes, and cider adds up to 15',
  EIO: 'the disk reported a fault; check its health before you try again',
};

function toFileError(error: unknown, path: string, offset?: number): unknown {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return error;
  const errno = String(error.code);
  const where = offset === undefined ? '' : ` at offset ${offset}`;
  const options = {
    code: `E_${errno}`,
    hint: hints[errno],
    details: { file: path, errno, operation: String(error.syscall), ...(offset === undefined ? {} : { offset }) },
    cause: error,
  };
  if (errno === 'ENOENT') return new NotFoundError(`${path}: no such file or folder`, options);
  return new ResourceError(`${path}: ${String(error.syscall)} failed${where} (${errno})`, options);
}
