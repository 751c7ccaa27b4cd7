import { quoted } from '../quant/checkpoint/quoted.ts';
import { isContentHash, type Content } from './content-hash.ts';
import { hubFailure, type Subject } from './failures.ts';
import type { Hub } from './hub.ts';
import { isCommit, isInnerPath, type Repository } from './repository.ts';
import { readBody, request } from './request.ts';
import { withRetries } from './retry.ts';

/** A repository at one commit. */
export interface Listing {
  commit: string;
  /** By path, with slashes; undefined for a file of which the server tells no size and hash. */
  files: ReadonlyMap<string, Content | undefined>;
}

/** A repository of 100,000 files, which is what the Hub recommends as a limit, is listed in 30 MB. */
const MAX_LISTING_BYTES = 64 * 1024 * 1024;

/**
 * Asks the Hub which commit a revision stands for, and what it holds. With `blobs=true` one request tells the sizes and
 * hashes of all files, which are the names of their blobs in the cache.
 *
 * @throws NotFoundError `E_HUB_*`
 */
export function listRepository(hub: Hub, repository: Repository): Promise<Listing> {
  const { kind, id, revision } = repository;
  const { endpoint, firstDelayMs } = hub.settings;
  const address = `${endpoint}/api/${kind}s/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const subject: Subject = { repository };
  return withRetries({ firstDelayMs, signal: hub.signal }, () =>
    request(hub, subject, address, {}, async (answer) =>
      parseListing(subject, await readBody(subject, answer, MAX_LISTING_BYTES)),
    ),
  );
}

function parseListing(subject: Subject, body: Uint8Array): Listing {
  const refuse = (reason: string): never => {
    throw hubFailure(subject, 'E_HUB_RESPONSE', `the server's list of files ${reason}`, 'check HF_ENDPOINT');
  };
  const { sha, siblings } = parseObject(body) ?? refuse('is not a JSON object');
  if (typeof sha !== 'string' || !isCommit(sha)) return refuse('names no commit');
  if (!Array.isArray(siblings)) return refuse('holds no "siblings"');
  const files = new Map<string, Content | undefined>();
  for (const sibling of siblings as readonly unknown[]) {
    const { rfilename, size, blobId, lfs } = membersOf(sibling);
    if (typeof rfilename !== 'string') return refuse('holds a file without a name');
    if (!isInnerPath(rfilename)) return refuse(`holds ${quoted(rfilename)}, which leads out of the repository`);
    const { sha256 } = membersOf(lfs);
    files.set(rfilename, toContent(size, sha256 ?? blobId));
  }
  return { commit: sha, files };
}

function parseObject(body: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof parsed === 'object' && parsed !== null ? membersOf(parsed) : undefined;
  } catch {
    return undefined;
  }
}

const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {};

function toContent(size: unknown, hash: unknown): Content | undefined {
  const isSize = typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
  return isSize && typeof hash === 'string' && isContentHash(hash) ? { size, hash } : undefined;
}
