import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sendCut, sha256Of, startHubServer, type HubServer } from '../testing/hub-server.ts';
import { runCli, type CliRun } from '../testing/run-cli.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { writeTinyCheckpoint } from '../testing/tiny-checkpoint.ts';

const TOKEN = 'hf_secretsecret';

interface Run {
  args: readonly string[];
  env?: Record<string, string>;
  started?: (child: ChildProcess) => void;
}

interface Setting {
  server: HubServer;
  cwd: string;
  /** Folder of blobs. */
  blobs: string;
  /** The name of the weights in it. */
  weightsHash: string;
  weights: Uint8Array;
  cider: (run: Run) => Promise<CliRun>;
}

/** A Hub with one model, and `cider` in an empty folder with an empty cache. */
async function setUp(): Promise<Setting> {
  const model = temporaryFolder();
  writeTinyCheckpoint(model);
  const files = Object.fromEntries(readdirSync(model).map((name) => [name, readFileSync(join(model, name))]));
  const server = await startHubServer({ repositories: [{ key: 'models/org/tiny', files }] });
  const [home, cwd] = [temporaryFolder(), temporaryFolder()];
  const weights = files['model.safetensors'];
  return {
    server,
    cwd,
    blobs: join(home, 'hub', 'models--org--tiny', 'blobs'),
    weightsHash: sha256Of(weights),
    weights,
    cider: ({ args, env, started }) =>
      runCli(args, {
        cwd,
        env: { HF_ENDPOINT: server.url, HF_HOME: home, HF_TOKEN: TOKEN, ...env },
        ...(started && { started }),
      }),
  };
}

describe('a model of the Hub', () => {
  it('is inspected and converted by its name, with and without the network', async () => {
    const { server, cider, cwd } = await setUp();
    const online = await cider({ args: ['inspect', 'org/tiny'] });
    expect(online).toMatchObject({ exitCode: 0, stderr: '' });
    expect(online.stdout).toContain('model.embed_tokens.weight');
    const asked = server.requests.length;
    const converted = await cider({
      args: ['convert', `hf://org/tiny@${server.commit}`, '-o', 'out', '--json'],
      env: { HF_HUB_OFFLINE: '1' },
    });
    expect(converted).toMatchObject({ exitCode: 0, stderr: '' });
    expect(existsSync(join(cwd, 'out', 'model.safetensors'))).toBe(true);
    expect(server.requests).toHaveLength(asked);
  });

  it('is taken from the store that models share in newer caches', async () => {
    const { cider, blobs, weightsHash } = await setUp();
    await cider({ args: ['inspect', 'org/tiny'] });
    const shared = join(blobs, '..', '..', 'blobs', 'ab');
    mkdirSync(shared, { recursive: true });
    renameSync(join(blobs, weightsHash), join(shared, 'abcdef'));
    symlinkSync('../../blobs/ab/abcdef', join(blobs, weightsHash));
    const run = await cider({ args: ['inspect', 'org/tiny'], env: { HF_HUB_OFFLINE: '1' } });
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('loses to a folder of the same name, which a note says', async () => {
    const { server, cider, cwd } = await setUp();
    await cider({ args: ['inspect', 'org/tiny'] });
    mkdirSync(join(cwd, 'org', 'tiny'), { recursive: true });
    writeTinyCheckpoint(join(cwd, 'org', 'tiny'));
    const asked = server.requests.length;
    const run = await cider({ args: ['inspect', 'org/tiny'] });
    expect(run).toMatchObject({
      exitCode: 0,
      stderr: 'org/tiny: taken from this folder; hf://org/tiny is the model of that name on the Hub\n',
    });
    expect((await cider({ args: ['inspect', './org/tiny'] })).stderr).toBe('');
    expect(server.requests).toHaveLength(asked);
    const remote = await cider({ args: ['inspect', 'hf://org/tiny'] });
    expect(remote).toMatchObject({ exitCode: 0, stderr: '' });
    expect(server.requests.length).toBeGreaterThan(asked);
  });

  it.each([
    [['inspect', 'absent'], 'E_MODEL_NOT_FOUND', 'absent: no such model folder or file'],
    [['inspect', './org/tiny'], 'E_MODEL_NOT_FOUND', './org/tiny: no such model folder or file'],
    [['convert', 'a/b/c', '-o', 'out'], 'E_MODEL_NOT_FOUND', 'a/b/c: no such model folder or file'],
    [['bench', '/org/tiny'], 'E_MODEL_NOT_FOUND', '/org/tiny: no such model folder or file'],
    [
      ['inspect', 'org/other'],
      'E_HUB_UNAUTHORIZED',
      /^org\/other: there is no such model on 127.0.0.1:\d+, or the token/,
    ],
    [['inspect', 'org/tiny@v9'], 'E_HUB_REVISION_NOT_FOUND', /has no revision "v9" of it \(404\)$/],
  ])('%j ends with 4 if it is not there', async (args, code, message) => {
    const { cider } = await setUp();
    const { exitCode, stdout, stderr } = await cider({ args: [...args, '--json'], env: { CIDER_DEBUG: '1' } });
    expect(exitCode).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code, exit: 4 } });
    expect((JSON.parse(stdout) as { error: { message: string } }).error.message).toMatch(message);
    expect(stdout + stderr).not.toContain(TOKEN);
  });

  it('says offline what it would have to download, and how', async () => {
    const { server, cider } = await setUp();
    const { exitCode, stderr } = await cider({ args: ['inspect', 'org/tiny'], env: { HF_HUB_OFFLINE: '1' } });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 4,
      stderr:
        'error: org/tiny: not downloaded yet, and the Hub cannot be asked\n' +
        'hint: run once with the network, and without HF_HUB_OFFLINE\n',
    });
    expect(server.requests).toEqual([]);
  });

  it('refuses an endpoint that is none, and leaves paths in peace', async () => {
    const { cider, cwd } = await setUp();
    mkdirSync(join(cwd, 'a', 'b'), { recursive: true });
    writeTinyCheckpoint(join(cwd, 'a', 'b'));
    const env = { HF_ENDPOINT: 'huggingface.co' };
    expect((await cider({ args: ['inspect', 'org/tiny'], env })).exitCode).toBe(2);
    expect((await cider({ args: ['inspect', 'a/b'], env })).exitCode).toBe(0);
  });

  it.each([
    ['SIGKILL', null],
    ['SIGINT', 130],
  ] as const)('leaves nothing under its final name after %s, and goes on later', async (signal, exitCode) => {
    const { server, cider, blobs, weights, weightsHash } = await setUp();
    let child: ChildProcess | undefined;
    const partial = `${weightsHash}.cider-incomplete`;
    server.misbehave = ({ path }, response) => {
      if (!path.startsWith('/storage/')) return false;
      response.writeHead(200, { 'content-length': weights.byteLength });
      response.write(weights.subarray(0, 5000));
      // The file holds them once they can be seen; then the server keeps silent.
      const watch = setInterval(() => {
        if (!existsSync(join(blobs, partial)) || readFileSync(join(blobs, partial)).byteLength < 5000) return;
        clearInterval(watch);
        child?.kill(signal);
      }, 10);
      return true;
    };
    const killed = await cider({ args: ['inspect', 'org/tiny'], started: (started) => (child = started) });
    expect(killed.exitCode).toBe(exitCode);
    expect(readdirSync(blobs)).toContain(partial);
    expect(readdirSync(blobs)).not.toContain(weightsHash);
    server.misbehave = () => false;
    expect((await cider({ args: ['inspect', 'org/tiny'] })).exitCode).toBe(0);
    expect(server.requests.at(-1)?.range).toBe('bytes=5000-');
    expect(readdirSync(blobs)).not.toContain(partial);
  });

  it('is downloaded once by two runs at a time', async () => {
    const { server, cider, weights } = await setUp();
    server.misbehave = ({ path }, response) => {
      if (!path.startsWith('/storage/')) return false;
      setTimeout(() => response.writeHead(200).end(weights), 500);
      return true;
    };
    const runs = await Promise.all([
      cider({ args: ['inspect', 'org/tiny'] }),
      cider({ args: ['inspect', 'org/tiny'] }),
    ]);
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(server.requests.filter(({ path }) => path.startsWith('/storage/'))).toHaveLength(1);
  });

  it('arrives over a line that is cut, and by a storage on another host that never sees the token', async () => {
    const { weights, weightsHash, server, cider } = await setUp();
    const storage = await startHubServer();
    storage.misbehave = ({ range }, response, count) => {
      if (count === 1) sendCut(response, weights, 7000);
      else {
        response.writeHead(206, { 'content-range': `bytes 7000-${weights.byteLength - 1}/${weights.byteLength}` });
        response.end(range === 'bytes=7000-' ? weights.subarray(7000) : undefined);
      }
      return true;
    };
    server.misbehave = ({ path }, response) => {
      if (!path.endsWith('/model.safetensors')) return false;
      response.writeHead(302, { location: `${storage.url}/signed/${weightsHash}` }).end();
      return true;
    };
    expect(await cider({ args: ['inspect', 'org/tiny'] })).toMatchObject({ exitCode: 0, stderr: '' });
    expect(storage.requests.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
    expect(server.requests.every(({ authorization }) => authorization === `Bearer ${TOKEN}`)).toBe(true);
  });
});
