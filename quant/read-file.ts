import { basename } from 'node:path';
import { openFile } from './checkpoint/open-file.ts';
import { InputError } from './errors.ts';
import { fileOperation, nodeFileSystem, readExactly, type FileSystem } from './file-system.ts';

/**
 * The whole of a file that is meant to be small. Its size is checked before anything is allocated.
 *
 * @throws NotFoundError `E_ENOENT`; InputError `E_NOT_A_FILE`, `E_FILE_TOO_LARGE`, `E_FILE_CHANGED`; ResourceError
 */
export function readWholeFile(path: string, maxBytes: number, fileSystem: FileSystem = nodeFileSystem): Uint8Array {
  const file = basename(path);
  const fd = openFile(path, fileSystem);
  try {
    const { size } = fileOperation(path, () => fileSystem.status(fd));
    if (size > maxBytes) {
      throw new InputError(`${file}: ${size} bytes are over the limit of ${maxBytes}`, {
        code: 'E_FILE_TOO_LARGE',
        details: { file, bytes: size, limit: maxBytes },
      });
    }
    const bytes = new Uint8Array(size);
    if (!readExactly(fileSystem, fd, bytes, 0, path)) {
      throw new InputError(`${file}: the file became shorter while it was read`, {
        code: 'E_FILE_CHANGED',
        details: { file },
      });
    }
    return bytes;
  } finally {
    fileSystem.close(fd);
  }
}
