import { join } from 'node:path';

/**
 * Where cider keeps what it can find out again: by the XDG base directory specification; a path that is not absolute
 * counts as unset.
 */
export function cacheFolder(env: NodeJS.ProcessEnv, home: string): string {
  const cache = env['XDG_CACHE_HOME'];
  return join(cache?.startsWith('/') === true ? cache : join(home, '.cache'), 'cider');
}
