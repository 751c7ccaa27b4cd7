import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError, NotFoundError } from '../quant/errors.ts';
import { testHub, type TestHub } from '../testing/hub-client.ts';
import { sendJson, sendStatus, sha256Of, startHubServer, type HubServer } from '../testing/hub-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { downloadModel } from './model-files.ts';

const repository = { kind: 'model', id: 'org/tiny', revision: 'main' } as const;
const text = (content: string): Uint8Array => new TextEncoder().encode(content);

const files = {
  'config.json': text('{}'),
  'generation_config.json': text('{"a":1}'),
  'tokenizer.json': text('{"b":2}'),
  'tokenizer_config.json': text('{"c":3}'),
  'chat_template.jinja': text('{{ messages }}'),
  'model.safetensors': text('weights'),
};

/** What repositories hold beside that, and cider has no use for. */
const others = {
  'README.md': text('# Model'),
  '.gitattributes': text('*'),
  'modeling_tiny.py': text('import os'),
  'pytorch_model.bin': text('pickle'),
  'onnx/config.json': text('{}'),
  'consolidated.safetensors': text('once more'),
  'model.fp32.safetensors': text('once more'),
};

const shards = { 'model-00001-of-00002.safetensors': text('one'), 'model-00002-of-00002.safetensors': text('two') };
const indexOf = (names: readonly string[]): Uint8Array =>
  text(JSON.stringify({ weight_map: Object.fromEntries(names.map((name, i) => [`t${i}`, name])) }));

interface Setting {
  server: HubServer;
  hub: TestHub;
  cache: string;
}

async function setUp(content: Record<string, Uint8Array>, revisions: string[] = []): Promise<Setting> {
  const server = await startHubServer({ repositories: [{ key: 'models/org/tiny', files: content, revisions }] });
  const cache = temporaryFolder();
  return { server, cache, hub: testHub(server.url, cache) };
}

const offline = (hub: TestHub): TestHub => ({ ...hub, settings: { ...hub.settings, offline: true } });

describe('downloadModel', () => {
  it('fetches what a model needs into the layout of huggingface_hub, and nothing else', async () => {
    const { server, hub, cache } = await setUp({ ...files, ...others });
    const { folder, commit } = await downloadModel(hub, repository);
    const root = join(cache, 'models--org--tiny');
    expect(commit).toBe(server.commit);
    expect(folder).toBe(join(root, 'snapshots', commit));
    expect(readdirSync(folder).sort()).toEqual(Object.keys(files).sort());
    for (const [name, bytes] of Object.entries(files))
      expect(readFileSync(join(folder, name))).toEqual(Buffer.from(bytes));
    expect(readlinkSync(join(folder, 'model.safetensors'))).toBe(
      join('..', '..', 'blobs', sha256Of(files['model.safetensors'])),
    );
    // git hash-object of the two bytes {}
    expect(readlinkSync(join(folder, 'config.json'))).toBe('../../blobs/9e26dfeeb6e641a33dae4961196235bdb965b21b');
    expect(readFileSync(join(root, 'refs', 'main'), 'utf8')).toBe(commit);
    expect(hub.transfers).toEqual([37, 7]);
  });

  it('asks for one list when all is there', async () => {
    const { server, hub } = await setUp(files);
    await downloadModel(hub, repository);
    server.requests.length = 0;
    await downloadModel(hub, repository);
    expect(server.requests.map(({ path }) => path)).toEqual(['/api/models/org/tiny/revision/main?blobs=true']);
    expect(hub.transfers).toHaveLength(2);
  });

  it('takes the shards that the index names, and no other copy', async () => {
    const names = Object.keys(shards);
    const index = { 'model.safetensors.index.json': indexOf([...names, ...names]) };
    const { hub } = await setUp({ ...files, ...others, ...shards, ...index });
    const { folder } = await downloadModel(hub, repository);
    expect(readdirSync(folder).filter((name) => name.includes('safetensors'))).toEqual([
      ...names,
      ...Object.keys(index),
    ]);
  });

  it.each<[string, Record<string, Uint8Array>, typeof InputError | typeof NotFoundError, string]>([
    ['pickles only', { 'config.json': text('{}'), 'pytorch_model.bin': text('x') }, InputError, 'E_PICKLE'],
    ['GGUF only', { 'tiny.gguf': text('GGUF') }, InputError, 'E_GGUF'],
    ['no weights', { 'config.json': text('{}') }, NotFoundError, 'E_WEIGHTS_NOT_FOUND'],
    ['shards without an index', shards, NotFoundError, 'E_INDEX_MISSING'],
    [
      'an index of shards that are not there',
      { 'model.safetensors.index.json': indexOf(['a.safetensors']) },
      NotFoundError,
      'E_HUB_FILE_NOT_FOUND',
    ],
    [
      'an index that leads out',
      { 'model.safetensors.index.json': indexOf(['../../x.safetensors']) },
      InputError,
      'E_SHARD_NAME',
    ],
  ])('refuses a repository with %s before it fetches weights', async (_, content, type, code) => {
    const { server, hub } = await setUp(content);
    const failure: unknown = await downloadModel(hub, repository).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(type);
    expect(failure).toMatchObject({ code });
    expect(server.requests.some(({ path }) => path.startsWith('/storage/'))).toBe(false);
  });

  it('keeps branches apart, and takes a commit by its hash', async () => {
    const { server, hub, cache } = await setUp(files, ['refs/pr/1']);
    await downloadModel(hub, { ...repository, revision: 'refs/pr/1' });
    await downloadModel(hub, { ...repository, revision: server.commit });
    const refs = join(cache, 'models--org--tiny', 'refs');
    expect(readFileSync(join(refs, 'refs', 'pr', '1'), 'utf8')).toBe(server.commit);
    expect(readdirSync(refs)).toEqual(['refs']);
    await expect(downloadModel(offline(hub), { ...repository, revision: server.commit })).resolves.toBeDefined();
  });

  it('works offline with what is there, also with what huggingface_hub left', async () => {
    const { server, hub, cache } = await setUp(files);
    await expect(downloadModel(offline(hub), repository)).rejects.toMatchObject({ code: 'E_HUB_OFFLINE' });
    expect(server.requests).toEqual([]);
    const root = join(cache, 'models--org--tiny');
    mkdirSync(join(root, 'snapshots', server.commit), { recursive: true });
    mkdirSync(join(root, 'refs'));
    writeFileSync(join(root, 'refs', 'main'), server.commit);
    writeFileSync(join(root, 'snapshots', server.commit, 'config.json'), '{}');
    await expect(downloadModel(offline(hub), repository)).rejects.toThrow(
      'org/tiny, "model.safetensors": not downloaded yet, and the Hub cannot be asked',
    );
    writeFileSync(join(root, 'snapshots', server.commit, 'model.safetensors'), 'weights');
    await expect(downloadModel(offline(hub), repository)).resolves.toEqual({
      folder: join(root, 'snapshots', server.commit),
      commit: server.commit,
    });
    expect(server.requests).toEqual([]);
  });

  it('misses a shard that was not downloaded', async () => {
    const index = { 'model.safetensors.index.json': indexOf(Object.keys(shards)) };
    const { hub } = await setUp({ ...files, ...shards, ...index });
    const { folder } = await downloadModel(hub, repository);
    rmSync(join(folder, 'model-00002-of-00002.safetensors'));
    await expect(downloadModel(offline(hub), repository)).rejects.toThrow(
      'org/tiny, "model-00002-of-00002.safetensors": not downloaded yet',
    );
  });

  it('uses what is there when the Hub cannot be reached, and says so', async () => {
    const { server, hub } = await setUp(files);
    const there = await downloadModel(hub, repository);
    server.misbehave = (_, response) => {
      response.destroy();
      return true;
    };
    await expect(downloadModel(hub, repository)).resolves.toEqual(there);
    expect(hub.notes).toEqual([
      expect.stringMatching(/^org\/tiny: the connection to .* failed \(UND_ERR_SOCKET\); using commit 5d7c9e6f, which/),
    ]);
    // A server that answers is believed.
    server.misbehave = (_, response) => {
      sendStatus(response, 404);
      return true;
    };
    await expect(downloadModel(hub, repository)).rejects.toMatchObject({ code: 'E_HUB_NOT_FOUND' });
  });

  it.each<[string, (path: string) => void]>([
    [
      'is gone',
      (path) => {
        rmSync(path);
      },
    ],
    [
      'was cut',
      (path) => {
        truncateSync(path, 3);
      },
    ],
  ])('fetches a blob again that %s', async (_, damage) => {
    const { hub, cache } = await setUp(files);
    const { folder } = await downloadModel(hub, repository);
    damage(join(cache, 'models--org--tiny', 'blobs', sha256Of(files['model.safetensors'])));
    await downloadModel(hub, repository);
    expect(readFileSync(join(folder, 'model.safetensors'), 'utf8')).toBe('weights');
    expect(lstatSync(join(folder, 'model.safetensors')).isSymbolicLink()).toBe(true);
  });

  it('does not name a commit before all of it is there', async () => {
    const { server, hub, cache } = await setUp(files);
    server.misbehave = ({ path }, response) => {
      if (path.startsWith('/storage/')) sendStatus(response, 403);
      return path.startsWith('/storage/');
    };
    await expect(downloadModel(hub, repository)).rejects.toThrow(/"model.safetensors": .* gives no access \(403\)/);
    expect(existsSync(join(cache, 'models--org--tiny', 'refs'))).toBe(false);
    server.misbehave = () => false;
    await expect(downloadModel(hub, repository)).resolves.toBeDefined();
  });

  it('refuses a file without size and hash', async () => {
    const { server, hub } = await setUp(files);
    server.misbehave = ({ path }, response) => {
      if (!path.startsWith('/api/')) return false;
      sendJson(response, {
        sha: server.commit,
        siblings: [{ rfilename: 'model.safetensors', size: 7, blobId: 'md5' }],
      });
      return true;
    };
    await expect(downloadModel(hub, repository)).rejects.toThrow(/tells no size and hash of it/);
  });

  it('sends the token with requests to the Hub, and not to its storage', async () => {
    const repositories = [{ key: 'models/org/tiny', files }];
    const storage = await startHubServer({ repositories });
    const server = await startHubServer({ repositories, storage });
    await downloadModel(testHub(server.url, temporaryFolder(), { token: 'hf_secret' }), repository);
    expect(new Set(server.requests.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer hf_secret']));
    expect(storage.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  });
});
