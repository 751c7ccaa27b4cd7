import { join } from 'node:path';
import type { Repository } from './repository.ts';

/**
 * Where the cache of huggingface_hub keeps a repository, so that its tools and cider use each other's downloads:
 * contents under their hashes in `blobs`, a folder of links for each commit in `snapshots`, and in `refs` a file for each
 * branch with its commit. https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export interface CacheLayout {
  blobs: string;
  refs: string;
  snapshots: string;
  /** Beside the repositories, where tools that count the cache do not look. */
  locks: string;
}

export function cacheLayout(cacheFolder: string, repository: Pick<Repository, 'kind' | 'id'>): CacheLayout {
  const name = `${repository.kind}s--${repository.id.replaceAll('/', '--')}`;
  const folder = join(cacheFolder, name);
  return {
    blobs: join(folder, 'blobs'),
    refs: join(folder, 'refs'),
    snapshots: join(folder, 'snapshots'),
    locks: join(cacheFolder, '.locks', name),
  };
}
