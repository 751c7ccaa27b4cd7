import { join } from 'node:path';
import { fileOperation, nodeFileSystem, statusOf, syncFolder, type FileSystem } from '../quant/file-system.ts';
import { waitForLock } from './blob-lock.ts';
import type { CacheLayout } from './cache-layout.ts';
import type { Content } from './content-hash.ts';
import { hubFailure, type Subject } from './failures.ts';
import type { Hub } from './hub.ts';
import { PartialFile } from './partial-file.ts';
import type { Repository } from './repository.ts';
import { request, type Answer } from './request.ts';
import { TransientFailure, withRetries } from './retry.ts';

/** A file of a repository at one commit. */
export interface RemoteFile {
  repository: Repository;
  commit: string;
  name: string;
  content: Content;
}

/** A download that fails, but only after this many bytes, has as many attempts left as a new one. */
const PROGRESS_BYTES = 1024 * 1024;

/**
 * Sees that the cache holds the content of a file under its hash. Bytes arrive under a temporary name, which a later run
 * goes on with; the final name is given by a rename after size and hash were found right and the bytes are durable. A
 * lock keeps other runs off the same content; whoever waits for it finds the blob there.
 *
 * @param onBytes called with how many bytes are there
 * @throws NotFoundError `E_HUB_*`; ResourceError
 */
export async function downloadBlob(
  hub: Hub,
  layout: CacheLayout,
  file: RemoteFile,
  onBytes: (bytes: number) => void,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<void> {
  const { size, hash } = file.content;
  const path = join(layout.blobs, hash);
  const partialPath = `${path}.cider-incomplete`;
  for (const folder of [layout.blobs, layout.locks]) {
    fileOperation(folder, () => {
      fileSystem.makeFolders(folder);
    });
  }
  const isThere = (): boolean => statusOf(fileSystem, path)?.size === size;
  if (isThere()) return;
  const unlock = await waitForLock(hub, fileSystem, join(layout.locks, `${hash}.cider-lock`), partialPath);
  try {
    if (isThere()) return;
    const partial = await PartialFile.open(fileSystem, partialPath, file.content, hub.signal);
    await fetchInto(hub, file, partial, onBytes);
    fileOperation(path, () => {
      fileSystem.rename(partialPath, path);
    });
    syncFolder(fileSystem, layout.blobs);
  } finally {
    unlock();
  }
}

/** Completes, checks and closes a partial file. On failure it stays, unless its bytes are known to be wrong. */
async function fetchInto(
  hub: Hub,
  file: RemoteFile,
  partial: PartialFile,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const subject: Subject = { repository: file.repository, file: file.name };
  try {
    const isResumed = partial.length > 0;
    await fetchRest(hub, subject, file, partial, onBytes);
    let isRight = partial.matches();
    // The first bytes may be what another program or a crash of the machine left under that name.
    if (!isRight && isResumed) {
      partial.restart();
      await fetchRest(hub, subject, file, partial, onBytes);
      isRight = partial.matches();
    }
    if (!isRight) {
      partial.restart();
      throw hubFailure(
        subject,
        'E_HUB_HASH',
        'what arrived does not have the hash that the Hub declares',
        'try again; if it stays so, a proxy or mirror on the way changes files',
      );
    }
    partial.sync();
  } finally {
    partial.close();
  }
}

async function fetchRest(
  hub: Hub,
  subject: Subject,
  file: RemoteFile,
  partial: PartialFile,
  onBytes: (bytes: number) => void,
): Promise<void> {
  onBytes(partial.length);
  let counted = partial.length;
  const hasProgressed = (): boolean => {
    const hasGrown = partial.length - counted >= PROGRESS_BYTES;
    counted = partial.length;
    return hasGrown;
  };
  const { firstDelayMs } = hub.settings;
  await withRetries({ firstDelayMs, signal: hub.signal, hasProgressed }, async () => {
    if (partial.isComplete) return;
    const isResumed = partial.length > 0;
    const options = isResumed ? { headers: { range: `bytes=${partial.length}-` }, accept: RANGE_NOT_SATISFIABLE } : {};
    await request(hub, subject, addressOf(hub, file), options, (answer) =>
      receive(subject, answer, file, partial, onBytes),
    );
  });
}

const PARTIAL_CONTENT = 206;
const RANGE_NOT_SATISFIABLE = 416;

/** Appends the body of an answer, which must be as long as it has to be. */
async function receive(
  subject: Subject,
  answer: Answer,
  { content: { size } }: RemoteFile,
  partial: PartialFile,
  onBytes: (bytes: number) => void,
): Promise<void> {
  if (answer.status === RANGE_NOT_SATISFIABLE) {
    partial.restart();
    throw new TransientFailure(
      hubFailure(subject, 'E_HUB_RESPONSE', 'the server refuses a range of the file (416)'),
      0,
    );
  }
  const wrongSize = (got: string): Error =>
    hubFailure(
      subject,
      'E_HUB_SIZE',
      `the server sends ${got}, and the Hub declares ${size} bytes`,
      'check HF_ENDPOINT',
    );
  if (answer.status === PARTIAL_CONTENT) {
    const range = answer.headers.get('content-range') ?? 'no range';
    if (range !== `bytes ${partial.length}-${size - 1}/${size}`) throw wrongSize(range);
  } else if (partial.length > 0) {
    // The server does not know ranges, and starts again.
    partial.restart();
  }
  const announced = answer.headers.get('content-length');
  if (
    announced !== null &&
    Number(announced) !== size - partial.length &&
    answer.headers.get('content-encoding') === null
  ) {
    throw wrongSize(`${announced} bytes`);
  }
  for await (const chunk of answer.chunks()) {
    if (partial.length + chunk.byteLength > size) {
      partial.restart();
      throw wrongSize('more bytes');
    }
    partial.append(chunk);
    onBytes(partial.length);
  }
  if (partial.isComplete) return;
  const failure = hubFailure(subject, 'E_HUB_SIZE', `the connection ended after ${partial.length} of ${size} bytes`);
  throw new TransientFailure(failure);
}

function addressOf({ settings }: Hub, { repository: { kind, id }, commit, name }: RemoteFile): string {
  const path = name.split('/').map(encodeURIComponent).join('/');
  return `${settings.endpoint}/${kind === 'dataset' ? 'datasets/' : ''}${id}/resolve/${commit}/${path}`;
}
