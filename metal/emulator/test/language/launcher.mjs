import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after } from 'node:test';

import { findSystemCompiler, run } from '../../../../kernels/build/toolchain.mjs';
import { buildLibrary, sanitizerFlags } from '../../library.mjs';

const emulator = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The program that runs one kernel over the emulator, which is built for these tests if `CIDER_METAL_RUNTIME` names none.
 * `CIDER_EMULATOR_SANITIZE` is address or thread for one with a sanitizer.
 */
export async function buildLauncher() {
  const folder = mkdtempSync(join(tmpdir(), 'cider-emulator-'));
  after(() => rmSync(folder, { recursive: true }));
  const sanitizer = process.env.CIDER_EMULATOR_SANITIZE;
  const library = process.env.CIDER_METAL_RUNTIME ?? (await buildLibrary(folder, sanitizer));
  const program = join(folder, 'launch');
  const source = join(emulator, 'test/runtime/launch.cpp');
  await run(findSystemCompiler(), [
    ...['-std=c++20', '-O1', `-I${join(emulator, 'include')}`, source, '-o', program],
    ...sanitizerFlags(sanitizer),
    ...[library, `-Wl,-rpath,${dirname(library)}`],
  ]);
  return (file, kernel, options, environment = {}) => {
    const { status, stdout, stderr } = spawnSync(program, [file, kernel, '--math', 'safe', ...options], {
      encoding: 'utf8',
      env: { ...process.env, CIDER_EMULATOR_CACHE: join(folder, 'cache'), ...environment },
    });
    const words = [...stdout.matchAll(/^buffer \d+: (.*)$/gm)].map(([, text]) => text.split(' ').map(Number));
    return { status, stdout, stderr, words, diagnostics: Number(/^diagnostics: (\d+)$/m.exec(stdout)?.[1]) };
  };
}
