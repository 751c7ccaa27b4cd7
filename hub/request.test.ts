import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { NotFoundError } from '../quant/errors.ts';
import { testHub } from '../testing/hub-client.ts';
import { sendJson, sendStatus, startHubServer } from '../testing/hub-server.ts';
import type { Hub } from './hub.ts';
import { listRepository } from './listing.ts';
import { readBody, request } from './request.ts';

const repository = { kind: 'model', id: 'org/tiny', revision: 'main' } as const;
const token = 'hf_secret';

/** The body of what stands under a path. */
function get(hub: Hub, path: string, maxBytes = 1000): Promise<string> {
  const subject = { repository };
  return request(hub, subject, `${hub.settings.endpoint}${path}`, {}, async (answer) =>
    new TextDecoder().decode(await readBody(subject, answer, maxBytes)),
  );
}

describe('request', () => {
  it('sends the token to the endpoint, and through a redirect on its own host', async () => {
    const server = await startHubServer();
    server.misbehave = ({ path }, response) => {
      if (path === '/a') sendStatus(response, 307, { location: '/b' });
      else sendJson(response, path);
      return true;
    };
    await expect(get(testHub(server.url, '', { token }), '/a')).resolves.toBe('"/b"');
    expect(server.requests.map(({ authorization }) => authorization)).toEqual(['Bearer hf_secret', 'Bearer hf_secret']);
  });

  it('sends the token to no other origin, nor to another port of the same host', async () => {
    const [server, other] = [await startHubServer(), await startHubServer()];
    other.misbehave = ({ path }, response, count) => {
      if (path.startsWith('/signed')) sendStatus(response, 302, { location: `${server.url}/back` });
      else sendJson(response, count);
      return true;
    };
    server.misbehave = ({ path }, response) => {
      if (path === '/back') sendJson(response, 'back');
      else sendStatus(response, 302, { location: `${other.url}/signed?key=1` });
      return true;
    };
    await expect(get(testHub(server.url, '', { token }), '/a')).resolves.toBe('"back"');
    expect(other.requests).toEqual([{ path: '/signed?key=1', authorization: undefined, range: undefined }]);
    expect(server.requests.every(({ authorization }) => authorization === `Bearer ${token}`)).toBe(true);
  });

  it.each([
    ['a circle', '/a', /more than 10 redirects/],
    ['nowhere', undefined, /redirects to nowhere/],
    ['a file', 'file:///etc/passwd', /redirects to a "file:" address/],
    ['data', 'data:application/json,1', /redirects to a "data:" address/],
  ])('refuses a redirect to %s', async (_, location, message) => {
    const server = await startHubServer();
    server.misbehave = (_request, response) => {
      sendStatus(response, 302, location === undefined ? {} : { location });
      return true;
    };
    const failure = get(testHub(server.url, ''), '/a');
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ code: 'E_HUB_REDIRECT' });
  });

  it('refuses a web page in place of data, and an answer without end', async () => {
    const server = await startHubServer();
    server.misbehave = ({ path }, response) => {
      if (path === '/page') response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>');
      else response.writeHead(200).end('x'.repeat(2000));
      return true;
    };
    const hub = testHub(server.url, '');
    await expect(get(hub, '/page')).rejects.toThrow(/^org\/tiny: 127.0.0.1:\d+ answered with a web page/);
    await expect(get(hub, '/long')).rejects.toThrow(/over the limit of 1000 bytes/);
  });
});

describe('listRepository', () => {
  it.each<[number, Record<string, string>, string, RegExp]>([
    [401, {}, 'E_HUB_UNAUTHORIZED', /no such model on 127.0.0.1:\d+, or the token does not open it \(401\)/],
    [401, { 'x-error-code': 'GatedRepo' }, 'E_HUB_GATED', /access is for those who accepted its terms \(401\)/],
    [403, { 'x-error-code': 'GatedRepo' }, 'E_HUB_GATED', /access is for those who accepted its terms \(403\)/],
    [403, {}, 'E_HUB_FORBIDDEN', /gives no access \(403\)/],
    [404, {}, 'E_HUB_NOT_FOUND', /there is no such model on/],
    [404, { 'x-error-code': 'RevisionNotFound' }, 'E_HUB_REVISION_NOT_FOUND', /has no revision "main" of it/],
    [418, {}, 'E_HUB_STATUS', /answered with status 418/],
  ])('says what %i %j means, at once and without the token', async (status, headers, code, message) => {
    const server = await startHubServer();
    server.misbehave = (_, response) => {
      sendStatus(response, status, headers);
      return true;
    };
    const failure: unknown = await listRepository(testHub(server.url, '', { token }), repository).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(NotFoundError);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) as string });
    expect(JSON.stringify(failure)).not.toContain(token);
    expect(server.requests).toHaveLength(1);
  });

  it.each<[string, (response: ServerResponse) => void, string]>([
    [
      'too many requests',
      (response) => {
        sendStatus(response, 429, { 'retry-after': '0' });
      },
      'E_HUB_RATE_LIMIT',
    ],
    [
      'a fault of the server',
      (response) => {
        sendStatus(response, 500);
      },
      'E_HUB_STATUS',
    ],
    [
      'a server that restarts',
      (response) => {
        sendStatus(response, 503, { 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' });
      },
      'E_HUB_STATUS',
    ],
    [
      'a cut connection',
      (response) => {
        response.destroy();
      },
      'E_HUB_CONNECTION',
    ],
    [
      'a cut body',
      (response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('{', () => {
          response.destroy();
        });
      },
      'E_HUB_CONNECTION',
    ],
  ])('tries again after %s: four times, and then gives up', async (_, fail, code) => {
    const server = await startHubServer({ repositories: [{ key: 'models/org/tiny', files: {} }] });
    const hub = testHub(server.url, '');
    server.misbehave = (_request, response, count) => {
      if (count <= 4) fail(response);
      return count <= 4;
    };
    await expect(listRepository(hub, repository)).resolves.toMatchObject({ commit: server.commit });
    server.misbehave = (_request, response) => {
      fail(response);
      return true;
    };
    await expect(listRepository(hub, repository)).rejects.toMatchObject({ code });
    expect(server.requests).toHaveLength(10);
  });

  it('does not wait for hours because a server asks for it', async () => {
    const server = await startHubServer();
    server.misbehave = (_, response) => {
      sendStatus(response, 429, { 'retry-after': '3600' });
      return true;
    };
    await expect(listRepository(testHub(server.url, ''), repository)).rejects.toThrow(/too many requests \(429\)/);
    expect(server.requests).toHaveLength(1);
  });

  it('gives up on a silent server, and on one that falls silent', async () => {
    const server = await startHubServer();
    server.misbehave = (_, response, count) => {
      if (count > 2) response.writeHead(200).write('{');
      return true;
    };
    await expect(listRepository(testHub(server.url, '', { timeoutMs: 50 }), repository)).rejects.toMatchObject({
      code: 'E_HUB_TIMEOUT',
    });
    expect(server.requests).toHaveLength(5);
  });

  it('stops when the user does', async () => {
    const server = await startHubServer();
    const stop = new AbortController();
    server.misbehave = () => {
      stop.abort(new Error('enough'));
      return true;
    };
    const hub = { ...testHub(server.url, ''), signal: stop.signal };
    await expect(listRepository(hub, repository)).rejects.toThrow('enough');
  });

  it.each<[string, unknown, RegExp]>([
    ['no JSON', undefined, /is not a JSON object/],
    ['no object', 3, /is not a JSON object/],
    ['no commit', { siblings: [] }, /names no commit/],
    ['a commit that is a path', { sha: '../../x', siblings: [] }, /names no commit/],
    ['no files', { sha: 'a'.repeat(40) }, /holds no "siblings"/],
    ['a file without a name', { sha: 'a'.repeat(40), siblings: [null] }, /holds a file without a name/],
    ['a way out', { sha: 'a'.repeat(40), siblings: [{ rfilename: '../x' }] }, /holds "..\/x", which leads out/],
    ['an absolute path', { sha: 'a'.repeat(40), siblings: [{ rfilename: '/etc/x' }] }, /which leads out/],
    ['a path of Windows', { sha: 'a'.repeat(40), siblings: [{ rfilename: 'a\\..\\b' }] }, /which leads out/],
  ])('refuses a listing with %s', async (_, body, message) => {
    const server = await startHubServer();
    server.misbehave = (_request, response) => {
      if (body === undefined) response.end('{"sha":');
      else sendJson(response, body);
      return true;
    };
    const failure = listRepository(testHub(server.url, ''), repository);
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ code: 'E_HUB_RESPONSE' });
  });
});
