import { createHash } from 'node:crypto';
import { InputError } from '../errors.ts';
import { statusOf, type FileSystem } from '../file-system.ts';
import { readWholeFile } from '../read-file.ts';

/** File in an output folder that says how it was made and what belongs to it. */
export const MANIFEST_NAME = 'cider.json';

/** Lists a file or two a shard; far above what any checkpoint needs. */
const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;

export interface ManifestFile {
  name: string;
  bytes: number;
  sha256: string;
}

export interface Manifest {
  schema: 'cider.checkpoint/1';
  version: string;
  /** Everything that decides the bytes of the output, as `convert` was asked for it. */
  recipe: Record<string, unknown>;
  files: ManifestFile[];
}

export function serializeManifest(manifest: Manifest): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The manifest of a folder, or undefined if the folder has none that we wrote. */
export function readManifest(fileSystem: FileSystem, folder: string): Manifest | undefined {
  const path = `${folder}/${MANIFEST_NAME}`;
  if (statusOf(fileSystem, path)?.kind !== 'file') return undefined;
  const bytes = readWholeFile(path, MAX_MANIFEST_BYTES, fileSystem);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new InputError(`${path}: not readable as JSON`, {
      code: 'E_BAD_MANIFEST',
      hint: 'choose another output folder',
      details: { file: path },
      cause: error,
    });
  }
  return isManifest(parsed) ? parsed : undefined;
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false;
  const { schema, recipe, files } = value as Partial<Record<keyof Manifest, unknown>>;
  if (schema !== 'cider.checkpoint/1' || typeof recipe !== 'object' || recipe === null) return false;
  return Array.isArray(files) && files.every(isManifestFile);
}

/** Whether a value of a JSON document is what a manifest says of a file. */
export function isManifestFile(value: unknown): value is ManifestFile {
  if (typeof value !== 'object' || value === null) return false;
  const { name, bytes, sha256: hash } = value as Partial<ManifestFile>;
  return typeof name === 'string' && typeof bytes === 'number' && typeof hash === 'string';
}
