import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

import { findSystemCompiler, run } from '../../../../kernels/build/toolchain.mjs';
import { buildLibrary, libraryFile, sanitizerFlags } from '../../library.mjs';

const folder = fileURLToPath(new URL('.', import.meta.url));

/**
 * Builds the emulator and the programs beside this file that use it. `CIDER_EMULATOR_BUILD` names a folder for the
 * libraries, release/, address/ and thread/: those that are there are taken as they are.
 *
 * @param {'address' | 'thread'} [sanitizer]
 * @returns {Promise<{ launch: Function, misuse: Function }>} what runs the programs, with arguments and variables of the
 *   environment
 */
export async function buildPrograms(sanitizer) {
  const work = mkdtempSync(join(tmpdir(), 'cider-emulator-'));
  after(() => rmSync(work, { recursive: true }));
  const libraries = join(process.env.CIDER_EMULATOR_BUILD ?? work, sanitizer ?? 'release');
  const library = join(libraries, libraryFile);
  if (!existsSync(library)) await buildLibrary(libraries, sanitizer);
  const cache = join(work, 'cache');
  mkdirSync(cache);
  const compile = async (name) => {
    const flags = ['-std=c++20', '-O1', '-g', ...sanitizerFlags(sanitizer)];
    await run(findSystemCompiler(), [...flags, join(folder, `${name}.cpp`), '-o', join(work, name), '-ldl']);
  };
  await Promise.all(['launch', 'misuse'].map(compile));
  const start = (name, args, environment) =>
    spawnSync(join(work, name), args, {
      encoding: 'utf8',
      env: {
        ...process.env,
        CIDER_METAL_RUNTIME: library,
        CIDER_EMULATOR_CACHE: cache,
        // Tests leave objects behind where that is not what they are about.
        ASAN_OPTIONS: 'detect_leaks=0',
        ...environment,
      },
    });
  return {
    /** `file` of kernels/, a kernel of it, options as one string. */
    launch(file, kernel, options, environment = {}) {
      const path = join(folder, 'kernels', file);
      const args = [path, kernel, '--math', 'safe', ...options.split(' ').filter(Boolean)];
      const { status, signal, stdout, stderr } = start('launch', args, environment);
      const words = [...stdout.matchAll(/^buffer \d+: (.*)$/gm)].map(([, text]) => text.split(' ').map(Number));
      return { status, signal, stdout, stderr, words, ...countsIn(stdout) };
    },
    misuse(name, environment = {}) {
      const { status, signal, stdout, stderr } = start('misuse', [name], environment);
      return { status, signal, stderr, lines: stdout.split('\n'), ...countsIn(stdout) };
    },
  };
}

const countsIn = (stdout) => ({
  diagnostics: Number(/^diagnostics: (\d+)$/m.exec(stdout)?.[1]),
  objects: Number(/^objects: (-?\d+)$/m.exec(stdout)?.[1]),
});
