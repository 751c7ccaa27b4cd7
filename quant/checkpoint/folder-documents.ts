import { join } from 'node:path';
import { NotFoundError } from '../errors.ts';
import { fileOperation, statusOf, type FileSystem } from '../file-system.ts';
import { readWholeFile } from '../read-file.ts';
import type { ModelDocuments } from './stored-model.ts';

/** The files of a model folder. @throws ResourceError */
export function folderDocuments(folder: string, fileSystem: FileSystem): ModelDocuments {
  return {
    get names() {
      const names = fileOperation(folder, () => fileSystem.list(folder));
      return names.filter((name) => statusOf(fileSystem, join(folder, name))?.kind === 'file').toSorted();
    },
    read: (name, maxBytes) => {
      try {
        return readWholeFile(join(folder, name), maxBytes, fileSystem);
      } catch (error) {
        if (error instanceof NotFoundError) return undefined;
        throw error;
      }
    },
  };
}
