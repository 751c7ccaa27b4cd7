import { join } from 'node:path';
import { CiderError } from '../errors.ts';
import { fileOperation, nodeFileSystem, statusOf, type FileSystem } from '../file-system.ts';
import { SafetensorsFile } from './safetensors-file.ts';

/** A tensor as its file describes it; nothing of it is checked, the dtype may be one that nobody knows. */
export interface ListedTensor {
  name: string;
  dtype: string;
  shape: readonly number[];
  /** By the offsets, so negative in a file that has them reversed. */
  bytes: number;
  file: string;
}

export interface TensorListing {
  tensors: readonly ListedTensor[];
  /** Why the tensors of a file are not in the list: its header cannot be read at all. */
  problems: readonly CiderError[];
}

/**
 * What the safetensors files at a path say of themselves, for `inspect`: also where `Checkpoint.open` refuses them.
 *
 * @param path a folder, of which every .safetensors file is listed whatever an index says, or one file
 * @throws NotFoundError, ResourceError
 */
export function listTensors(path: string, fileSystem: FileSystem = nodeFileSystem): TensorListing {
  const tensors: ListedTensor[] = [];
  const problems: CiderError[] = [];
  for (const filePath of safetensorsFiles(path, fileSystem)) {
    try {
      tensors.push(...listFile(filePath, fileSystem));
    } catch (error) {
      if (!(error instanceof CiderError)) throw error;
      problems.push(error);
    }
  }
  return { tensors, problems };
}

function safetensorsFiles(path: string, fileSystem: FileSystem): string[] {
  if (statusOf(fileSystem, path)?.kind !== 'folder') return [path];
  const names = fileOperation(path, () => fileSystem.list(path));
  return names.filter((name) => name.endsWith('.safetensors')).map((name) => join(path, name));
}

function listFile(path: string, fileSystem: FileSystem): ListedTensor[] {
  const file = new SafetensorsFile(path, fileSystem);
  try {
    return file.readRawHeader().tensors.map(({ name, dtype, shape, begin, end }) => ({
      name,
      dtype,
      shape,
      bytes: end - begin,
      file: file.name,
    }));
  } finally {
    file.close();
  }
}
