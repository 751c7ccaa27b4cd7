import { ResourceError } from '../quant/errors.ts';
import { fileOperation, nodeFileSystem } from '../quant/file-system.ts';

/** Room that a disk should keep for everything else. */
const SLACK_BYTES = 64 * 1024 * 1024;

/** Refuses a download that the disk of the cache has no room for. @throws ResourceError `E_DISK_SPACE` */
export function checkSpace(cacheFolder: string, bytes: number, what: string): void {
  fileOperation(cacheFolder, () => {
    nodeFileSystem.makeFolders(cacheFolder);
  });
  const free = fileOperation(cacheFolder, () => nodeFileSystem.freeBytes(cacheFolder));
  const needed = bytes + SLACK_BYTES;
  if (needed <= free) return;
  throw new ResourceError(`${cacheFolder}: ${what} needs ${needed} bytes, but ${free} are free`, {
    code: 'E_DISK_SPACE',
    hint: 'free some space, or choose another disk with HF_HUB_CACHE',
    details: { file: cacheFolder, value: needed, limit: free },
  });
}
