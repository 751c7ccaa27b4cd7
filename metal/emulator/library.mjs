import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { withTemporaryFolder } from '../../kernels/build/library.mjs';
import { findSystemCompiler, inParallel, run } from '../../kernels/build/toolchain.mjs';

const emulator = fileURLToPath(new URL('.', import.meta.url));

/** The file that `CIDER_METAL_RUNTIME` names. */
export const libraryFile = 'libmetal-emulator.so';

/** What else has the sanitizer in it must be compiled with these flags too. */
export function sanitizerFlags(sanitizer) {
  switch (sanitizer) {
    case undefined:
      return [];
    case 'address':
      return [
        '-fsanitize=address,undefined',
        '-fno-sanitize=vptr,function',
        '-fno-sanitize-recover=all',
        '-fsanitize-address-use-after-return=never',
      ];
    case 'thread':
      return ['-fsanitize=thread'];
    default:
      throw new Error(`--sanitize is address or thread, not ${sanitizer}`);
  }
}

/** The threads of a GPU are fibers here, and ThreadSanitizer must not see what switches between them. */
const runtimeFlags = (sanitizer) => (sanitizer === 'thread' ? ['-DCIDER_EMULATOR_TSAN'] : sanitizerFlags(sanitizer));

const language = [
  '-std=c++20',
  '-O2',
  '-g',
  '-fno-omit-frame-pointer',
  '-fPIC',
  '-fno-exceptions',
  '-fno-rtti',
  '-fvisibility=hidden',
  '-fvisibility-inlines-hidden',
  '-ftls-model=initial-exec',
  '-Wall',
  '-Wextra',
  '-Werror',
];

/** What hosts and kernels call. */
const exported = ['objc_*', 'sel_*', 'MTLCreateSystemDefaultDevice', 'MTLCopyAllDevices', 'emulator_*'];

const sources = () =>
  ['runtime', 'objc', 'metal'].flatMap((folder) =>
    readdirSync(join(emulator, folder))
      .filter((name) => name.endsWith('.cpp') || name.endsWith('.S'))
      .map((name) => join(folder, name)),
  );

/**
 * Builds the emulator into `folder`.
 *
 * @param {string} folder
 * @param {'address' | 'thread'} [sanitizer] address means undefined behaviour too
 * @returns {Promise<string>} the library
 */
export async function buildLibrary(folder, sanitizer) {
  const compiler = findSystemCompiler();
  const flags = runtimeFlags(sanitizer);
  const library = resolve(folder, libraryFile);
  mkdirSync(folder, { recursive: true });
  await withTemporaryFolder(async (work) => {
    const objects = await inParallel(sources(), async (source) => {
      const object = join(work, `${source.replace('/', '-')}.o`);
      const definition = `-DCIDER_EMULATOR_FOLDER="${emulator}"`;
      await run(compiler, [...language, ...flags, '-Iinclude', definition, '-c', source, '-o', object], emulator);
      return object;
    });
    const versions = join(work, 'exports.map');
    writeFileSync(versions, `{ global: ${exported.map((name) => `${name};`).join(' ')} local: *; };\n`);
    const link = ['-shared', '-static-libstdc++', '-static-libgcc', '-pthread', '-Wl,-z,nodelete'];
    const defined = sanitizer ? [] : ['-Wl,--no-undefined'];
    const names = [`-Wl,-soname,${libraryFile}`, `-Wl,--version-script=${versions}`];
    await run(compiler, [...flags, ...link, ...defined, ...names, '-o', library, ...objects], emulator);
  });
  return library;
}
