import { nodeFileSystem, type FileStatus, type FileSystem } from '../quant/file-system.ts';

/** The real file system, but for one file that is in memory, to be read only. */
export function memoryFileSystem(path: string, content: Uint8Array): FileSystem {
  // No process has as many files open.
  const descriptor = 2 ** 30;
  const status: FileStatus = { size: content.byteLength, mtimeMs: 1, inode: 1, device: 1, kind: 'file' };
  return {
    ...nodeFileSystem,
    open: (asked, mode) => (asked === path && mode === 'read' ? descriptor : nodeFileSystem.open(asked, mode)),
    close: (fd) => {
      if (fd !== descriptor) nodeFileSystem.close(fd);
    },
    read: (fd, into, position) => {
      if (fd !== descriptor) return nodeFileSystem.read(fd, into, position);
      const part = content.subarray(position, position + into.byteLength);
      into.set(part);
      return part.byteLength;
    },
    status: (fd) => (fd === descriptor ? status : nodeFileSystem.status(fd)),
    statusOf: (asked) => (asked === path ? status : nodeFileSystem.statusOf(asked)),
  };
}
