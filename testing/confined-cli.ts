import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { packagePath } from '../commands/package-path.ts';
import { runCli, type CliRun } from './run-cli.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Of Node's permission model, where this Node has one that its child processes take over. */
export const permissionFlag: string | undefined = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
);

export interface Confinement {
  /** Files, folders and what is in them; paths with `*` at the end for all that begin so. */
  read: readonly string[];
  write: readonly string[];
}

export interface ConfinedRun extends CliRun {
  /** Attempts to reach the network. */
  network: readonly string[];
}

/**
 * Runs `cider`, with all its processes and threads, in Node's permission model: it can read the package and what is named,
 * write what is named, and reach no network. The native library is beyond that model.
 */
export async function runConfined(
  args: readonly string[],
  { read, write }: Confinement,
  env: Record<string, string> = {},
): Promise<ConfinedRun> {
  const log = join(temporaryFolder(), 'network');
  const packages = [packagePath(''), `${realpathSync(packagePath('node_modules'))}/`];
  const options = [
    permissionFlag ?? '',
    '--no-warnings',
    '--allow-addons',
    '--allow-child-process',
    '--allow-worker',
    ...[...packages, ...read].map((path) => `--allow-fs-read=${path}`),
    ...[log, ...write].map((path) => `--allow-fs-write=${path}`),
    `--import=${new URL('./confine.js', import.meta.url).href}`,
  ];
  const run = await runCli(args, { env: { ...env, NODE_OPTIONS: options.join(' '), CIDER_TEST_NETWORK_LOG: log } });
  return { ...run, network: existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [] };
}
