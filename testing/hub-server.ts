import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** What a request said that tests look at. */
export interface SeenRequest {
  path: string;
  authorization: string | undefined;
  range: string | undefined;
}

export interface HubRepository {
  /** `models/org/name` or `datasets/org/name`. */
  key: string;
  files: Readonly<Record<string, Uint8Array>>;
  /** Branches and tags beside `main`. */
  revisions?: readonly string[];
}

/** Answers a request in place of the server; false leaves it to the server. */
export type Misbehaviour = (request: SeenRequest, response: ServerResponse, count: number) => boolean;

export interface HubServer {
  url: string;
  requests: SeenRequest[];
  /** Set by a test; `count` numbers the requests for the same path from 1. */
  misbehave: Misbehaviour;
  commit: string;
}

export interface HubServerOptions {
  repositories?: readonly HubRepository[];
  /** Another server, with the same repositories, that files in large file storage are redirected to. */
  storage?: HubServer;
}

const COMMIT = '5d7c9e6f0a1b2c3d4e5f60718293a4b5c6d7e8f9';

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const blobSha1Of = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.byteLength}\0`).update(bytes).digest('hex');

const isLarge = (name: string): boolean => /\.(safetensors|parquet)$/.test(name);
export const hashOf = (name: string, bytes: Uint8Array): string =>
  isLarge(name) ? sha256Of(bytes) : blobSha1Of(bytes);

/** A Hub on loopback for the running test: lists and serves small files, and misbehaves where a test asks for it. */
export async function startHubServer(options: HubServerOptions = {}): Promise<HubServer> {
  const repositories = options.repositories ?? [];
  const stored = new Map<string, Uint8Array>();
  for (const { files } of repositories)
    for (const [name, bytes] of Object.entries(files)) stored.set(`/storage/${hashOf(name, bytes)}`, bytes);

  const hub: HubServer = { url: '', requests: [], misbehave: () => false, commit: COMMIT };
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const seen = describe(request);
    hub.requests.push(seen);
    const count = (counts.get(seen.path) ?? 0) + 1;
    counts.set(seen.path, count);
    if (hub.misbehave(seen, response, count)) return;
    const stock = stored.get(seen.path);
    if (stock) sendBytes(response, stock, seen.range);
    else answer(repositories, options.storage?.url ?? hub.url, seen, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  hub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return hub;
}

function describe({ url = '', headers }: IncomingMessage): SeenRequest {
  return { path: url, authorization: headers.authorization, range: headers.range };
}

function answer(
  repositories: readonly HubRepository[],
  storageUrl: string,
  { path, range }: SeenRequest,
  response: ServerResponse,
): void {
  for (const { key, files, revisions = [] } of repositories) {
    const listing = `/api/${key}/revision/`;
    if (path.startsWith(listing)) {
      const revision = decodeURIComponent(path.slice(listing.length).replace(/\?blobs=true$/, ''));
      if (!['main', COMMIT, ...revisions].includes(revision)) {
        sendStatus(response, 404, { 'x-error-code': 'RevisionNotFound' });
        return;
      }
      sendJson(response, listingOf(files));
      return;
    }
    const resolve = `/${key.replace(/^models\//, '')}/resolve/${COMMIT}/`;
    const name = path.startsWith(resolve) ? decodeURIComponent(path.slice(resolve.length)) : '';
    if (!Object.hasOwn(files, name)) continue;
    if (isLarge(name)) sendStatus(response, 302, { location: `${storageUrl}/storage/${sha256Of(files[name])}` });
    else sendBytes(response, files[name], range);
    return;
  }
  // As the Hub does it for those who have no token.
  sendStatus(response, 401, { 'x-error-code': 'RepoNotFound' });
}

/** What `GET /api/models/<id>/revision/<revision>?blobs=true` answers. */
export function listingOf(files: Readonly<Record<string, Uint8Array>>): object {
  const siblings = Object.entries(files).map(([rfilename, bytes]) => ({
    rfilename,
    size: bytes.byteLength,
    blobId: blobSha1Of(bytes),
    ...(isLarge(rfilename) && { lfs: { sha256: sha256Of(bytes), size: bytes.byteLength, pointerSize: 130 } }),
  }));
  return { sha: COMMIT, siblings };
}

export function sendJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

export function sendStatus(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, headers).end();
}

/** All of a content, or the range `bytes=N-` of it. */
export function sendBytes(response: ServerResponse, bytes: Uint8Array, range?: string): void {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  const part = bytes.subarray(from);
  response.writeHead(from > 0 ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': part.byteLength,
    ...(from > 0 && { 'content-range': `bytes ${from}-${bytes.byteLength - 1}/${bytes.byteLength}` }),
  });
  response.end(part);
}

/** Announces all of a content, sends its first bytes, and cuts the connection. */
export function sendCut(response: ServerResponse, bytes: Uint8Array, sent: number): void {
  response.writeHead(200, { 'content-length': bytes.byteLength });
  response.write(bytes.subarray(0, sent), () => {
    setImmediate(() => response.destroy());
  });
}
