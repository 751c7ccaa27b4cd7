import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { weakDefinitions } from './elf.mjs';
import { compileArguments, linkLibraryArguments } from './flags.mjs';
import { keepExports } from './mach-o.mjs';
import { platforms } from './platforms.mjs';
import { librarySources, objectName, readAbi, root } from './sources.mjs';
import { findZig, inParallel, run, ZIG_VERSION } from './toolchain.mjs';

/** Where the published libraries are. */
export const prebuilt = join(root, 'kernels/prebuilt');

/** A folder that is gone when `action` is done. */
export async function withTemporaryFolder(action) {
  const folder = mkdtempSync(join(tmpdir(), 'cider-native-'));
  try {
    return await action(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Builds the library for every platform into `folder`/<platform>/, and `folder`/manifest.json with their hashes.
 *
 * @returns the manifest
 */
export async function buildLibraries(folder) {
  const zig = findZig();
  const abi = readAbi();
  const manifest = { abiVersion: abi.version, zig: ZIG_VERSION, libraries: {} };
  for (const platform of platforms) {
    const bytes = await withTemporaryFolder((work) => buildLibrary(zig, platform, abi.functions, work));
    const file = `${platform.name}/${platform.file}`;
    mkdirSync(join(folder, platform.name), { recursive: true });
    writeFileSync(join(folder, file), bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    manifest.libraries[platform.name] = { file, bytes: bytes.length, sha256 };
  }
  writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

async function buildLibrary(zig, platform, functions, work) {
  const objects = await inParallel(librarySources(platform.architecture), async (source) => {
    const object = join(work, objectName(source.path));
    await run(zig, compileArguments(platform, source, object), root);
    if (source.features.length > 0 && platform.file.endsWith('.so')) requireNoWeakDefinitions(source, object);
    return object;
  });
  const versionScript = join(work, 'exports.map');
  writeFileSync(versionScript, `{ global: ${functions.map((name) => `${name};`).join(' ')} local: *; };\n`);
  const library = join(work, platform.file);
  await run(zig, linkLibraryArguments(platform, objects, versionScript, library), root);
  const bytes = readFileSync(library);
  if (platform.file.endsWith('.dylib')) keepExports(bytes, functions);
  return bytes;
}

/**
 * Of an inline function that several files define the linker keeps one. If that one was compiled for an instruction set
 * that the machine lacks, code for the baseline crashes.
 */
function requireNoWeakDefinitions({ path }, object) {
  const names = weakDefinitions(readFileSync(object));
  if (names.length > 0) throw new Error(`${path} shares inline functions with other files: ${names.join(', ')}`);
}
