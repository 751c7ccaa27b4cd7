import type { FileSystem } from '../quant/file-system.ts';
import { hastyFileSystem } from './hasty-file-system.ts';

/** The real file system on a disk that takes so many bytes more: the last write takes what fits, the next one nothing. */
export function fillingDisk(bytes: number): FileSystem & { readonly isFull: boolean } {
  let left = bytes;
  let isFull = false;
  return {
    ...hastyFileSystem,
    get isFull() {
      return isFull;
    },
    write: (fd, from, position) => {
      const part = from.subarray(0, left);
      if (part.length === 0 && from.length > 0) {
        isFull = true;
        throw Object.assign(new Error('ENOSPC: injected, write'), { code: 'ENOSPC', syscall: 'write' });
      }
      const count = hastyFileSystem.write(fd, part, position);
      left -= count;
      return count;
    },
  };
}
