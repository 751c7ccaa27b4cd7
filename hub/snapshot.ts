import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NotFoundError } from '../quant/errors.ts';
import { cacheLayout, type CacheLayout } from './cache-layout.ts';
import { downloadBlob, type RemoteFile } from './download.ts';
import { describeSubject, hubFailure, offlineFailure } from './failures.ts';
import { checkSpace } from './free-space.ts';
import type { Hub } from './hub.ts';
import { listRepository, type Listing } from './listing.ts';
import { inParallel } from './parallel.ts';
import type { Repository } from './repository.ts';
import { hasFile, linkIntoSnapshot, listSnapshot, readReference, writeReference } from './snapshot-files.ts';

/** A repository at one commit, as a folder of the cache that fills as files are asked for. */
export interface Snapshot {
  repository: Repository;
  commit: string;
  folder: string;
  /** Whether it is read from the cache alone, without asking the Hub. */
  isCached: boolean;
  /** Files of the repository; of one that is read from the cache, those that are there. */
  names: ReadonlySet<string>;
  /**
   * Sees that these files are in the folder.
   *
   * @throws NotFoundError `E_HUB_*` if one cannot be had; ResourceError
   */
  provide: (names: readonly string[]) => Promise<void>;
  /** To be called when all is there that the caller needs: from now on the revision can be used without the network. */
  keep: () => void;
}

const unreachable: readonly string[] = ['E_HUB_CONNECTION', 'E_HUB_TIMEOUT'];

/**
 * Finds the commit of a revision by asking the Hub. Offline, or if the Hub cannot be reached, what was downloaded last
 * takes its place.
 *
 * @throws NotFoundError `E_HUB_OFFLINE`, and those of the connection
 */
export async function openSnapshot(hub: Hub, repository: Repository): Promise<Snapshot> {
  const layout = cacheLayout(hub.settings.cacheFolder, repository);
  if (hub.settings.offline) return cachedSnapshot(layout, repository) ?? missingOffline(repository);
  try {
    return remoteSnapshot(hub, layout, repository, await listRepository(hub, repository));
  } catch (error) {
    if (!(error instanceof NotFoundError) || !unreachable.includes(error.code)) throw error;
    const cached = cachedSnapshot(layout, repository);
    if (!cached) throw error;
    hub.onNote(`${error.message}; using commit ${cached.commit.slice(0, 8)}, which is downloaded`);
    return cached;
  }
}

function cachedSnapshot(layout: CacheLayout, repository: Repository): Snapshot | undefined {
  const commit = readReference(layout, repository.revision);
  if (commit === undefined) return undefined;
  const folder = join(layout.snapshots, commit);
  const names = new Set(listSnapshot(folder));
  if (names.size === 0) return undefined;
  return {
    repository,
    commit,
    folder,
    isCached: true,
    names,
    provide: async (wanted) => {
      const missing = wanted.find((name) => !names.has(name));
      if (missing !== undefined) missingOffline(repository, missing);
      return Promise.resolve();
    },
    keep: () => undefined,
  };
}

function missingOffline(repository: Repository, file?: string): never {
  throw offlineFailure({ repository, ...(file === undefined ? {} : { file }) });
}

function remoteSnapshot(hub: Hub, layout: CacheLayout, repository: Repository, { commit, files }: Listing): Snapshot {
  const folder = join(layout.snapshots, commit);
  return {
    repository,
    commit,
    folder,
    isCached: false,
    names: new Set(files.keys()),
    provide: async (names) => {
      const missing = names
        .map((name) => toRemoteFile(repository, commit, name, files))
        .filter(({ name, content }) => !hasFile(folder, name, content.size));
      if (missing.length > 0) await provideFiles(hub, layout, folder, missing);
    },
    keep: () => {
      writeReference(layout, repository.revision, commit);
    },
  };
}

function toRemoteFile(repository: Repository, commit: string, name: string, files: Listing['files']): RemoteFile {
  const content = files.get(name);
  if (content) return { repository, commit, name, content };
  const subject = { repository, file: name };
  if (!files.has(name)) throw hubFailure(subject, 'E_HUB_FILE_NOT_FOUND', 'the repository has no such file');
  throw hubFailure(subject, 'E_HUB_RESPONSE', 'the server tells no size and hash of it', 'check HF_ENDPOINT');
}

/** Each server takes this many connections; a disk is no faster with more. */
const MAX_PARALLEL = 4;

async function provideFiles(
  hub: Hub,
  layout: CacheLayout,
  folder: string,
  files: readonly RemoteFile[],
): Promise<void> {
  const total = files.reduce((sum, { content }) => sum + content.size, 0);
  checkSpace(hub.settings.cacheFolder, total, describeSubject(files[0]));
  const progress = hub.onTransfer(total);
  const doneOf = new Map<string, number>();
  try {
    await inParallel(files, MAX_PARALLEL, hub.signal, async (file, signal) => {
      await downloadBlob({ ...hub, signal }, layout, file, (bytes) => {
        doneOf.set(file.name, bytes);
        progress.update(
          [...doneOf.values()].reduce((sum, done) => sum + done, 0),
          file.name,
        );
      });
      linkIntoSnapshot(folder, file.name, join(layout.blobs, file.content.hash));
    });
  } finally {
    progress.finish();
  }
}

/** Whether the cache knows a repository of this name, at whatever revision. */
export function isDownloaded(cacheFolder: string, repository: Repository): boolean {
  return existsSync(cacheLayout(cacheFolder, repository).snapshots);
}
