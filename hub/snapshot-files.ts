import { randomBytes } from 'node:crypto';
import { dirname, join, relative } from 'node:path';
import { writeAtomically } from '../quant/checkpoint/atomic-file.ts';
import { fileOperation, isErrno, nodeFileSystem, statusOf, writeExactly } from '../quant/file-system.ts';
import { readWholeFile } from '../quant/read-file.ts';
import type { CacheLayout } from './cache-layout.ts';
import { isCommit } from './repository.ts';

/** A reference holds one commit. */
const MAX_REFERENCE_BYTES = 1024;

/** The commit that a revision stood for when it was last downloaded. */
export function readReference(layout: CacheLayout, revision: string): string | undefined {
  if (isCommit(revision)) return revision;
  const path = join(layout.refs, revision);
  if (!isFile(path)) return undefined;
  const commit = new TextDecoder().decode(readWholeFile(path, MAX_REFERENCE_BYTES)).trim();
  return isCommit(commit) ? commit : undefined;
}

/** Records the commit of a branch or tag, durably. */
export function writeReference(layout: CacheLayout, revision: string, commit: string): void {
  if (revision === commit || readReference(layout, revision) === commit) return;
  const path = join(layout.refs, revision);
  fileOperation(path, () => {
    nodeFileSystem.makeFolders(dirname(path));
  });
  writeAtomically(path, (fd, temporaryPath) => {
    writeExactly(nodeFileSystem, fd, new TextEncoder().encode(commit), 0, temporaryPath);
  });
}

/** Files of a snapshot by their paths with slashes; links whose blob is gone, or to folders, do not count. */
export function listSnapshot(folder: string): string[] {
  if (statusOf(nodeFileSystem, folder)?.kind !== 'folder') return [];
  const realFolder = realPath(folder);
  return fileOperation(folder, () => nodeFileSystem.list(folder)).flatMap((name) => {
    const path = join(folder, name);
    const kind = statusOf(nodeFileSystem, path)?.kind;
    if (kind === 'file') return [name];
    // A link to a folder may lead around in circles.
    if (kind !== 'folder' || realPath(path) !== join(realFolder, name)) return [];
    return listSnapshot(path).map((inner) => `${name}/${inner}`);
  });
}

const realPath = (path: string): string => fileOperation(path, () => nodeFileSystem.realPath(path));

/** Whether a snapshot has a file, of this size. */
export function hasFile(folder: string, name: string, size: number): boolean {
  return statusOf(nodeFileSystem, join(folder, name))?.size === size;
}

/**
 * Puts a blob into a snapshot under its name: as a relative link, so that the cache can be moved. Where the system has no
 * links, the blob itself goes there, as huggingface_hub does it.
 */
export function linkIntoSnapshot(folder: string, name: string, blob: string): void {
  const path = join(folder, name);
  const temporaryPath = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  fileOperation(path, () => {
    nodeFileSystem.makeFolders(dirname(path));
  });
  try {
    nodeFileSystem.link(relative(dirname(path), blob), temporaryPath);
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP')) {
      fileOperation(path, () => {
        throw error;
      });
    }
    fileOperation(path, () => {
      nodeFileSystem.rename(blob, path);
    });
    return;
  }
  fileOperation(path, () => {
    nodeFileSystem.rename(temporaryPath, path);
  });
}

function isFile(path: string): boolean {
  return statusOf(nodeFileSystem, path)?.kind === 'file';
}
