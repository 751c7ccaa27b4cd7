import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const include = join(dirname(fileURLToPath(import.meta.url)), '..', 'include');

/** Where a translated source finds the emulator's headers. */
export const headers = include;

const VERSIONS = { 3.1: 310, 3.2: 320, '4.0': 400, 4.1: 410 };

/** @throws if there is no such version of the language */
export function metalVersion(language) {
  const version = VERSIONS[language];
  if (!version) {
    throw new Error(`Metal ${language} is not emulated; the versions are ${Object.keys(VERSIONS).join(', ')}`);
  }
  return version;
}

/** Where tensors are: in Metal 4, from macOS 26 on. */
function definitions(version, os) {
  const names = [`__METAL_VERSION__=${version}`, '__METAL__=1', '__METAL_MACOS__=1', '__cplusplus=201703L'];
  if (version >= 400 && os >= 2600) names.push('__HAVE_TENSOR__=1');
  if (version >= 400 && os >= 2604) names.push('__HAVE_INT4B_FORMAT_TYPE__=1');
  return names.map((name) => `-D${name}`);
}

/**
 * The source with the user's macros and includes expanded. Metal's own headers leave a pragma that names the emulator's:
 * their text comes later, so that the translator sees only the user's.
 *
 * @returns {{ status: number, text: string, stderr: string }}
 */
export function preprocess(compiler, file, { version, os, flags }) {
  const own = flags.filter((flag) => /^-[DUI]/.test(flag));
  const { status, stdout, stderr, error } = spawnSync(
    compiler,
    [
      ...['-E', '-x', 'c++', '-std=c++20', '-nostdinc', '-undef', '-Wno-builtin-macro-redefined'],
      ...definitions(version, os),
      ...own,
      ...['-isystem', join(include, 'metal'), file],
    ],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (error) throw error;
  return { status: status ?? 1, text: stdout, stderr };
}
