import { basename } from 'node:path';
import { InputError, NotFoundError } from '../errors.ts';
import { fileOperation, statusOf, type FileSystem } from '../file-system.ts';

/**
 * Opens a regular file for reading. The kind is looked at first: to open a named pipe would wait forever.
 *
 * @throws NotFoundError `E_ENOENT`; InputError `E_NOT_A_FILE`; ResourceError, as `fileOperation` does
 */
export function openFile(path: string, fileSystem: FileSystem): number {
  const status = statusOf(fileSystem, path);
  if (!status) {
    throw new NotFoundError(`${path}: no such file`, { code: 'E_ENOENT', details: { file: path } });
  }
  if (status.kind !== 'file') {
    const file = basename(path);
    throw new InputError(`${file}: not a regular file`, { code: 'E_NOT_A_FILE', details: { file } });
  }
  return fileOperation(path, () => fileSystem.open(path, 'read'));
}
