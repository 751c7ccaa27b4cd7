import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ResourceError, UsageError } from '../quant/errors.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { hubCacheFolder, readHubSettings } from './settings.ts';

describe('hubCacheFolder', () => {
  it.each([
    [{}, '/home/u/.cache/huggingface/hub'],
    [{ XDG_CACHE_HOME: '/x' }, '/x/huggingface/hub'],
    [{ XDG_CACHE_HOME: '/x', HF_HOME: '/h' }, '/h/hub'],
    [{ HF_HOME: '/h', HF_HUB_CACHE: '/c' }, '/c'],
    [{ HF_HOME: '~/hf', HF_HUB_CACHE: '' }, '/home/u/hf/hub'],
  ])('%j → %s', (env, folder) => {
    expect(hubCacheFolder(env, '/home/u')).toBe(folder);
  });
});

describe('readHubSettings', () => {
  it('takes the Hub, ten seconds and no token where nothing is set', () => {
    expect(readHubSettings({ HF_TOKEN: ' ' }, temporaryFolder())).toMatchObject({
      endpoint: 'https://huggingface.co',
      token: undefined,
      offline: false,
      timeoutMs: 10_000,
    });
  });

  it.each([
    ['1', true],
    ['on', true],
    ['Yes', true],
    ['true', true],
    ['0', false],
    ['', false],
  ])('HF_HUB_OFFLINE=%s: %s', (value, offline) => {
    expect(readHubSettings({ HF_HUB_OFFLINE: value }, temporaryFolder()).offline).toBe(offline);
  });

  it('finds the token: the variable, the file that is named, the file of the home', () => {
    const home = temporaryFolder();
    const named = join(home, 'named');
    mkdirSync(join(home, 'hf'));
    writeFileSync(join(home, 'hf', 'token'), 'hf_home\n');
    writeFileSync(named, '\thf_named \r\n');
    const env = { HF_HOME: join(home, 'hf') };
    const tokenOf = (more: NodeJS.ProcessEnv): string | undefined => readHubSettings({ ...env, ...more }, home).token;
    expect(tokenOf({})).toBe('hf_home');
    expect(tokenOf({ HF_TOKEN_PATH: named })).toBe('hf_named');
    expect(tokenOf({ HF_TOKEN_PATH: named, HF_TOKEN: 'hf_env' })).toBe('hf_env');
    expect(tokenOf({ HF_TOKEN_PATH: join(home, 'absent') })).toBeUndefined();
    expect(() => tokenOf({ HF_TOKEN_PATH: home })).toThrow(ResourceError);
  });

  it('refuses a token that no header can hold, without showing it', () => {
    const read = (): unknown => readHubSettings({ HF_TOKEN: 'hf_a\nx-evil: 1' }, temporaryFolder());
    expect(read).toThrow(UsageError);
    expect(read).toThrow(/^HF_TOKEN: a token is printable ASCII without spaces, and this one is not$/);
  });

  it.each(['mirror', 'ftp://a', 'https://user:secret@a', 'https://a/?x', 'https://a/#x', 'file:///etc'])(
    'refuses the endpoint %s, without showing it',
    (endpoint) => {
      const read = (): unknown => readHubSettings({ HF_ENDPOINT: endpoint }, temporaryFolder());
      expect(read).toThrow(UsageError);
      expect(read).toThrow(/^HF_ENDPOINT: not the address of a server, such as/);
    },
  );

  it('takes another endpoint and another patience', () => {
    const env = { HF_ENDPOINT: 'http://mirror:8080/hf//', HF_HUB_DOWNLOAD_TIMEOUT: '0.5' };
    expect(readHubSettings(env, temporaryFolder())).toMatchObject({
      endpoint: 'http://mirror:8080/hf',
      timeoutMs: 500,
    });
    for (const value of ['0', '-1', 'NaN', 'soon', '1e9']) {
      expect(() => readHubSettings({ HF_HUB_DOWNLOAD_TIMEOUT: value }, '/')).toThrow(UsageError);
    }
  });
});
