import { dirname, join } from 'node:path';
import { UsageError } from '../errors.ts';
import { replaceFile, statusOf, type FileSystem } from '../file-system.ts';
import { readWholeFile } from '../read-file.ts';
import { isManifestFile, type ManifestFile } from '../output/manifest.ts';

/** File in a partial output that says what it is going to be and which of its files are done. */
export const STATE_NAME = 'state.json';

/** A line or two a file; far above what any checkpoint needs. */
const MAX_STATE_BYTES = 16 * 1024 * 1024;

/** Everything that decides the bytes of the output, by name. Two runs may share work only if all of it is equal. */
export type Fingerprint = Readonly<Record<string, string>>;

interface State {
  fingerprint: Fingerprint;
  done: ManifestFile[];
}

export function writeState(fileSystem: FileSystem, folder: string, state: State): void {
  replaceFile(fileSystem, join(folder, STATE_NAME), new TextEncoder().encode(JSON.stringify(state)));
}

/**
 * The files that an unfinished run with the same fingerprint completed; undefined if there was no such run.
 *
 * @throws UsageError that names what differs
 */
export function readState(
  fileSystem: FileSystem,
  folder: string,
  fingerprint: Fingerprint,
): ManifestFile[] | undefined {
  const path = join(folder, STATE_NAME);
  if (!statusOf(fileSystem, path)) return undefined;
  const state = parse(readWholeFile(path, MAX_STATE_BYTES, fileSystem));
  if (!state) return undefined;
  refuseDifference(path, fingerprint, state.fingerprint);
  return state.done.filter(({ name, bytes }) => statusOf(fileSystem, join(folder, name))?.size === bytes);
}

/** @throws UsageError that names what differs from the unfinished run of the state file at `path` */
export function refuseDifference(path: string, wanted: Fingerprint, found: Fingerprint): void {
  const names = new Set([...Object.keys(wanted), ...Object.keys(found)]);
  const differing = [...names].filter((name) => wanted[name] !== found[name]);
  if (differing.length === 0) return;
  const differences = differing.map((name) => `${name}: ${found[name] ?? '-'} → ${wanted[name] ?? '-'}`);
  throw new UsageError(`${dirname(path)}: the unfinished run differs in ${differing.join(', ')}`, {
    code: 'E_RESUME_MISMATCH',
    hint: 'run with the former input and options, or without --resume to start again',
    details: { file: path, differences },
  });
}

/** A state that cannot be read is as good as none: the work is done again. */
function parse(bytes: Uint8Array): State | undefined {
  try {
    const state = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Record<keyof State, unknown>> | null;
    if (!isFingerprint(state?.fingerprint) || !Array.isArray(state.done)) return undefined;
    return state.done.every(isManifestFile) ? { fingerprint: state.fingerprint, done: state.done } : undefined;
  } catch {
    return undefined;
  }
}

function isFingerprint(value: unknown): value is Fingerprint {
  return typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'string');
}
