import { nodeFileSystem, type FileSystem } from '../quant/file-system.ts';

/** The real file system without waiting for the disk, which shows nothing to a test that goes on by itself. */
export const hastyFileSystem: FileSystem = { ...nodeFileSystem, fsync: () => undefined };
