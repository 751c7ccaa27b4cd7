import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { root } from '../../kernels/build/sources.mjs';
import { findSystemCompiler, run } from '../../kernels/build/toolchain.mjs';
import { buildLibrary } from '../emulator/library.mjs';

const sources = [
  'metal/tutorial/run-step.cpp',
  'kernels/metal/test/launcher.cpp',
  'kernels/metal/test/edge-memory.cpp',
  'metal/host/join.cpp',
  'metal/host/objc.cpp',
  'metal/host/text.cpp',
];

/** Kernels trap where what they do has no meaning, such as a load from an address that is not aligned. */
const trapping = '-fsanitize=undefined -fsanitize-trap=undefined';

/**
 * Builds what runs the steps of the tutorial into `folder`, and the emulator unless `CIDER_METAL_RUNTIME` names one.
 *
 * @returns the environment that a run needs, and its program
 */
export async function buildRunner(folder) {
  const program = join(folder, 'run-step');
  const flags = ['-std=c++20', '-O2', '-g', '-ffp-contract=off', '-fno-exceptions', '-fno-rtti', '-Wall', '-Wextra'];
  const files = sources.map((source) => join(root, source)); // of which the program finds the steps
  await run(findSystemCompiler(), [...flags, '-Werror', ...files, '-o', program, '-ldl', '-pthread'], root);
  const runtime = process.env.CIDER_METAL_RUNTIME ?? (await buildLibrary(folder));
  const environment = {
    CIDER_METAL_RUNTIME: runtime,
    CIDER_EMULATOR_CACHE: join(folder, 'kernels'),
    CIDER_EMULATOR_CXXFLAGS: trapping,
    CIDER_EMULATOR_FATAL: '1',
  };
  return { program, environment };
}

/**
 * Runs a step, with one of `mistakes` in it if there is one, and further settings of the emulator.
 *
 * @returns {Promise<{ status: number | null, signal: string | null, stderr: string }>}
 */
export function runStep({ program, environment }, step, settings, mistake) {
  const change = mistake?.text ? [mistake.text, mistake.replacement] : [];
  const env = { ...process.env, ...environment, ...settings, ...mistake?.environment };
  return new Promise((resolve, reject) => {
    const child = spawn(program, [`${step}.metal`, ...change], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stderr }));
  });
}
