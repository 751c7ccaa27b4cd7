import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { fileOperation, nodeFileSystem, removeQuietly, syncFolder, type FileSystem } from '../file-system.ts';

/**
 * Makes a file that is either complete and durable under its name or not there: `write` fills a temporary sibling (in
 * the same folder, so that the rename never crosses devices), which is fsynced and renamed, and the folder is fsynced.
 * A file that had the name is replaced in that moment.
 *
 * On failure the temporary file is removed. A failure after the rename leaves the new file, which is complete.
 *
 * @throws ResourceError, and whatever `write` throws
 */
export function writeAtomically(
  path: string,
  write: (fd: number, temporaryPath: string) => void,
  fileSystem: FileSystem = nodeFileSystem,
): void {
  // The process id tells a person whose file it is; the rest keeps threads and restarted containers apart.
  const temporaryPath = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  const fd = fileOperation(temporaryPath, () => fileSystem.open(temporaryPath, 'create'));
  try {
    try {
      write(fd, temporaryPath);
      fileOperation(temporaryPath, () => {
        fileSystem.fsync(fd);
      });
    } finally {
      fileOperation(temporaryPath, () => {
        fileSystem.close(fd);
      });
    }
    fileOperation(path, () => {
      fileSystem.rename(temporaryPath, path);
    });
  } catch (error) {
    removeQuietly(fileSystem, temporaryPath);
    throw error;
  }
  syncFolder(fileSystem, dirname(path));
}
