import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file that is taken for libcider. */
export interface LibraryFile {
  path: string;
  sha256: string;
  /** Named by `CIDER_LIBRARY`, so that nobody has published its hash. */
  isOverride: boolean;
}

/** The folder of libraries that were published with this package, each for a `platform-arch` of Node. */
export const prebuiltFolder: URL = new URL('../../kernels/prebuilt/', import.meta.url);

interface Manifest {
  libraries: Record<string, { file: string; sha256: string } | undefined>;
}

/** Why there is no library, in one line. */
export class LibraryMissingError extends Error {}

/**
 * The library for this machine: the one that `CIDER_LIBRARY` names, or the published one with the published hash.
 *
 * @throws LibraryMissingError
 */
export function findLibrary(override: string | undefined, folder: URL = prebuiltFolder): LibraryFile {
  if (override) {
    // A bare name would be looked for in the folders of the system.
    const path = resolve(override);
    return { path, sha256: hashOf(path), isOverride: true };
  }
  const platform = `${process.platform}-${process.arch}`;
  const published = readManifest(folder).libraries[platform];
  if (!published) throw new LibraryMissingError(`there is no library for ${platform}`);
  const path = fileURLToPath(new URL(published.file, folder));
  const sha256 = hashOf(path);
  if (sha256 === published.sha256) return { path, sha256, isOverride: false };
  throw new LibraryMissingError(`${path} is not the library that was published: its SHA-256 is ${sha256}`);
}

function readManifest(folder: URL): Manifest {
  const path = fileURLToPath(new URL('manifest.json', folder));
  return JSON.parse(read(path).toString()) as Manifest;
}

const hashOf = (path: string): string => createHash('sha256').update(read(path)).digest('hex');

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'an error';
    throw new LibraryMissingError(code === 'ENOENT' ? `${path} is not there` : `${path} cannot be read: ${code}`);
  }
}
