import { dirname } from 'node:path';
import { UsageError } from '../errors.ts';
import { statusOf, type FileSystem } from '../file-system.ts';

/** The folder that an output will stand in. @throws UsageError `E_NO_PARENT_FOLDER` if it is not there */
export function parentFolder(fileSystem: FileSystem, path: string): string {
  const parent = dirname(path);
  if (statusOf(fileSystem, parent)?.kind === 'folder') return parent;
  throw new UsageError(`${path}: the folder ${parent} does not exist`, {
    code: 'E_NO_PARENT_FOLDER',
    hint: 'create it first, or choose another output',
    details: { file: path },
  });
}
