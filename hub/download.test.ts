import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ResourceError } from '../quant/errors.ts';
import { faultyFileSystem } from '../testing/faulty-file-system.ts';
import { testHub } from '../testing/hub-client.ts';
import { hashOf, sendBytes, sendCut, sendStatus, startHubServer, type HubServer } from '../testing/hub-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { cacheLayout } from './cache-layout.ts';
import { downloadBlob, type RemoteFile } from './download.ts';
import type { Hub } from './hub.ts';

const repository = { kind: 'model', id: 'org/tiny', revision: 'main' } as const;
const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919) >>> 3);
const NAME = 'model.safetensors';

interface Setting {
  server: HubServer;
  hub: Hub;
  file: RemoteFile;
  cache: string;
  download: (hub?: Hub) => Promise<void>;
  /** Names in the folder of blobs. */
  blobs: () => string[];
}

async function setUp(name = NAME): Promise<Setting> {
  const server = await startHubServer({ repositories: [{ key: 'models/org/tiny', files: { [name]: bytes } }] });
  const cache = temporaryFolder();
  const layout = cacheLayout(cache, repository);
  const content = { size: bytes.byteLength, hash: hashOf(name, bytes) };
  const file = { repository, commit: server.commit, name, content };
  const hub = testHub(server.url, cache);
  const download = (as: Hub = hub): Promise<void> => downloadBlob(as, layout, file, () => undefined);
  const blobs = (): string[] => (existsSync(layout.blobs) ? readdirSync(layout.blobs) : []);
  return { server, hub, file, cache, download, blobs };
}

const isStorage = (path: string): boolean => path.startsWith('/storage/');

describe('downloadBlob', () => {
  it.each([NAME, 'config.json'])('puts %s under its hash, once', async (name) => {
    const { server, file, cache, download, blobs } = await setUp(name);
    await download();
    expect(blobs()).toEqual([file.content.hash]);
    expect(readFileSync(join(cache, 'models--org--tiny', 'blobs', file.content.hash))).toEqual(Buffer.from(bytes));
    expect(readdirSync(join(cache, '.locks', 'models--org--tiny'))).toEqual([]);
    const asked = server.requests.length;
    await download();
    expect(server.requests).toHaveLength(asked);
  });

  it('goes on where a connection was cut, as often as it must', async () => {
    const { server, file, download, blobs } = await setUp();
    server.misbehave = ({ path, range }, response, count) => {
      if (!isStorage(path) || count > 3) return false;
      const from = Number(range?.slice('bytes='.length, -1) ?? 0);
      if (from === 0) sendCut(response, bytes, 30_000);
      else {
        response.writeHead(206, {
          'content-length': bytes.byteLength - from,
          'content-range': `bytes ${from}-${bytes.byteLength - 1}/${bytes.byteLength}`,
        });
        response.write(bytes.subarray(from, from + 20_000), () => setImmediate(() => response.destroy()));
      }
      return true;
    };
    await download();
    expect(blobs()).toEqual([file.content.hash]);
    const ranges = server.requests.filter(({ path }) => isStorage(path)).map(({ range }) => range);
    expect(ranges).toEqual([undefined, 'bytes=30000-', 'bytes=50000-', 'bytes=70000-']);
  });

  it('keeps what it has when it gives up, under a temporary name, and goes on in the next run', async () => {
    const { server, file, download, blobs } = await setUp();
    server.misbehave = ({ path }, response, count) => {
      if (!isStorage(path)) return false;
      if (count === 1) sendCut(response, bytes, 40_000);
      else sendStatus(response, 500);
      return true;
    };
    await expect(download()).rejects.toMatchObject({ code: 'E_HUB_STATUS' });
    expect(blobs()).toEqual([`${file.content.hash}.cider-incomplete`]);
    server.misbehave = () => false;
    await download();
    expect(server.requests.at(-1)?.range).toBe('bytes=40000-');
    expect(blobs()).toEqual([file.content.hash]);
  });

  it.each([
    ['other bytes of the same length', Buffer.alloc(50_000, 1)],
    ['all bytes, of which one is wrong', Buffer.from(bytes).fill(1, 5, 6)],
    ['more bytes than the file has', Buffer.alloc(bytes.byteLength + 1, 1)],
  ])('starts again if what an earlier run left is %s', async (_, left) => {
    const { file, cache, download, blobs } = await setUp();
    const folder = join(cache, 'models--org--tiny', 'blobs');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${file.content.hash}.cider-incomplete`), left);
    await download();
    expect(blobs()).toEqual([file.content.hash]);
    expect(readFileSync(join(folder, file.content.hash))).toEqual(Buffer.from(bytes));
  });

  it.each<[string, number, Record<string, string>, Uint8Array]>([
    ['that knows no ranges', 200, {}, bytes],
    ['that refuses the range', 416, {}, new Uint8Array()],
  ])('starts again with a server %s', async (_, status, headers, body) => {
    const { server, file, cache, download, blobs } = await setUp();
    const folder = join(cache, 'models--org--tiny', 'blobs');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${file.content.hash}.cider-incomplete`), bytes.subarray(0, 1000));
    server.misbehave = ({ path, range }, response) => {
      if (!isStorage(path) || range === undefined) return false;
      response.writeHead(status, headers).end(body);
      return true;
    };
    await download();
    expect(blobs()).toEqual([file.content.hash]);
  });

  it.each<[string, (server: HubServer) => HubServer['misbehave'], string, RegExp]>([
    [
      'other bytes of the right length',
      () => (_, response) => {
        sendBytes(response, Buffer.alloc(bytes.byteLength, 1));
        return true;
      },
      'E_HUB_HASH',
      /^org\/tiny, "model.safetensors": what arrived does not have the hash that the Hub declares$/,
    ],
    [
      'a length that is not declared',
      () => (_, response) => {
        sendBytes(response, bytes.subarray(1));
        return true;
      },
      'E_HUB_SIZE',
      /sends 99999 bytes, and the Hub declares 100000 bytes/,
    ],
    [
      'more than it announces',
      () => (_, response) => {
        response.write(bytes);
        response.end('more');
        return true;
      },
      'E_HUB_SIZE',
      /sends more bytes, and the Hub declares 100000 bytes/,
    ],
    [
      'less, without announcing anything',
      () => (_, response) => {
        response.end(bytes.subarray(0, 10));
        return true;
      },
      'E_HUB_SIZE',
      /ended after 10 of 100000 bytes|sends/,
    ],
    [
      'a web page',
      () => (_, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>');
        return true;
      },
      'E_HUB_HTML',
      /"model.safetensors": 127.0.0.1:\d+ answered with a web page in place of data/,
    ],
  ])('gives no name to %s', async (_, misbehave, code, message) => {
    const { server, file, download, blobs } = await setUp();
    server.misbehave = misbehave(server);
    const failure = download();
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ code });
    expect(blobs()).not.toContain(file.content.hash);
    server.misbehave = () => false;
    await download();
    expect(blobs()).toEqual([file.content.hash]);
  });

  it('refuses a range that was not asked for', async () => {
    const { server, file, cache, download } = await setUp();
    const folder = join(cache, 'models--org--tiny', 'blobs');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${file.content.hash}.cider-incomplete`), bytes.subarray(0, 1000));
    server.misbehave = ({ path }, response) => {
      if (!isStorage(path)) return false;
      response.writeHead(206, { 'content-range': 'bytes 0-99999/100000' }).end(bytes);
      return true;
    };
    await expect(download()).rejects.toThrow(/sends bytes 0-99999\/100000, and the Hub declares/);
  });

  it('lets one of two runs download, and the other wait', async () => {
    const { server, file, hub, download, blobs } = await setUp();
    const other = { ...hub, owner: { ...hub.owner, pid: hub.owner.pid + 1 } };
    await Promise.all([download(), download(other)]);
    expect(server.requests.filter(({ path }) => isStorage(path))).toHaveLength(1);
    expect(blobs()).toEqual([file.content.hash]);
  });

  it('takes over the lock of a run that was killed', async () => {
    const { hub, file, cache, download, blobs } = await setUp();
    const folder = join(cache, '.locks', 'models--org--tiny');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${file.content.hash}.cider-lock`), '{"pid":1,"host":"here"}');
    await download({ ...hub, owner: { ...hub.owner, isAlive: () => false } });
    expect(blobs()).toEqual([file.content.hash]);
  });

  it('stops waiting for a lock when the user does', async () => {
    const { hub, file, cache, download } = await setUp();
    const folder = join(cache, '.locks', 'models--org--tiny');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${file.content.hash}.cider-lock`), '{"pid":1,"host":"elsewhere"}');
    const stop = new AbortController();
    const told: string[] = [];
    const onNote = (text: string): void => {
      told.push(text);
      stop.abort(new Error('enough'));
    };
    await expect(download({ ...hub, onNote, signal: stop.signal })).rejects.toThrow('enough');
    expect(told).toEqual(['another run downloads the same file; waiting for it']);
  });

  it.each(['ENOSPC', 'EINTR'] as const)(
    'leaves nothing wrong under the final name, wherever %s comes',
    async (fault) => {
      const { hub, file } = await setUp();
      for (let at = 0; ; at++) {
        const layout = cacheLayout(temporaryFolder(), repository);
        const fileSystem = faultyFileSystem(fault, at);
        const failure = await downloadBlob(hub, layout, file, () => undefined, fileSystem).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (fault === 'ENOSPC' && fileSystem.fired) expect(failure).toBeInstanceOf(ResourceError);
        else expect(failure).toBeUndefined();
        const blob = join(layout.blobs, file.content.hash);
        if (existsSync(blob)) expect(readFileSync(blob)).toEqual(Buffer.from(bytes));
        else expect(failure).toBeDefined();
        expect(fileSystem.openFiles).toBe(0);
        if (!fileSystem.fired) break;
      }
    },
  );
});
