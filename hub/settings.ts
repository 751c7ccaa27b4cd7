import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../quant/errors.ts';
import { fileOperation, isErrno } from '../quant/file-system.ts';

/** How downloads find the Hub, prove who asks, and where they end. */
export interface HubSettings {
  /** Without a slash at its end. */
  endpoint: string;
  /** Sent to the origin of the endpoint and to nobody else; never part of a message. */
  token: string | undefined;
  /** Folder that holds `models--org--name` and `datasets--org--name`. */
  cacheFolder: string;
  /** Use what the cache holds, and no network. */
  offline: boolean;
  /** How long a server may keep silent, before its answer or in the middle of it. */
  timeoutMs: number;
  /** Before the second attempt; doubled before each further one. */
  firstDelayMs: number;
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';

/** As in huggingface_hub. */
const DEFAULT_TIMEOUT_SECONDS = 10;

/** A day: longer is a slip of the keyboard, and timers end at 2^31 ms. */
const MAX_TIMEOUT_SECONDS = 86_400;

const FIRST_DELAY_MS = 500;

/**
 * Settings by the variables that huggingface_hub reads: HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HOME, HF_HUB_CACHE,
 * XDG_CACHE_HOME, HF_HUB_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT
 * (https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables). An empty one counts as unset.
 *
 * @param home the user's home folder
 * @throws UsageError `E_HUB_SETTING`; ResourceError if there is a token file that cannot be read
 */
export function readHubSettings(env: NodeJS.ProcessEnv, home: string): HubSettings {
  return {
    endpoint: readEndpoint(env['HF_ENDPOINT']),
    token: readToken(env, home),
    cacheFolder: hubCacheFolder(env, home),
    offline: ['1', 'ON', 'YES', 'TRUE'].includes((env['HF_HUB_OFFLINE'] ?? '').toUpperCase()),
    timeoutMs: 1000 * readTimeout(env['HF_HUB_DOWNLOAD_TIMEOUT']),
    firstDelayMs: FIRST_DELAY_MS,
  };
}

/** The folder that huggingface_hub keeps its downloads in. */
export function hubCacheFolder(env: NodeJS.ProcessEnv, home: string): string {
  return pathOf(env['HF_HUB_CACHE'], home) ?? join(hubHome(env, home), 'hub');
}

function hubHome(env: NodeJS.ProcessEnv, home: string): string {
  return (
    pathOf(env['HF_HOME'], home) ?? join(pathOf(env['XDG_CACHE_HOME'], home) ?? join(home, '.cache'), 'huggingface')
  );
}

/** `~` is for the shell to replace, but in a file of variables there is no shell. */
function pathOf(value: string | undefined, home: string): string | undefined {
  if (value === undefined || value === '') return undefined;
  return value === '~' || value.startsWith('~/') ? join(home, value.slice(1)) : value;
}

function readEndpoint(value: string | undefined): string {
  if (value === undefined || value === '') return DEFAULT_ENDPOINT;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (url && isPlain && (url.protocol === 'https:' || url.protocol === 'http:')) return value.replace(/\/+$/, '');
  throw new UsageError('HF_ENDPOINT: not the address of a server, such as https://huggingface.co', {
    code: 'E_HUB_SETTING',
    hint: 'an address starts with https:// or http:// and holds neither a password nor "?"; a token belongs in HF_TOKEN',
    details: { variable: 'HF_ENDPOINT' },
  });
}

function readTimeout(value: string | undefined): number {
  if (value === undefined || value === '') return DEFAULT_TIMEOUT_SECONDS;
  const seconds = Number(value);
  if (seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS) return seconds;
  throw new UsageError(`HF_HUB_DOWNLOAD_TIMEOUT: ${JSON.stringify(value)} is not a number of seconds`, {
    code: 'E_HUB_SETTING',
    hint: `give seconds, over 0 and up to ${MAX_TIMEOUT_SECONDS}`,
    details: { variable: 'HF_HUB_DOWNLOAD_TIMEOUT', value, limit: MAX_TIMEOUT_SECONDS },
  });
}

function readToken(env: NodeJS.ProcessEnv, home: string): string | undefined {
  const named = env['HF_TOKEN']?.trim() ?? '';
  const path = pathOf(env['HF_TOKEN_PATH'], home) ?? join(hubHome(env, home), 'token');
  const token = named === '' ? readTokenFile(path) : named;
  if (token === undefined || token === '') return undefined;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  const origin = named === '' ? path : 'HF_TOKEN';
  throw new UsageError(`${origin}: a token is printable ASCII without spaces, and this one is not`, {
    code: 'E_HUB_SETTING',
    hint: 'copy the token again from the settings of your account',
    details: { variable: origin },
  });
}

function readTokenFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    return fileOperation(path, () => {
      throw error;
    });
  }
}
