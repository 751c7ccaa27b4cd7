/**
 * `npm run test:metal -- [--sanitize address|thread] [--all] [name …]`: builds the emulator of Metal and runs over it the
 * tests of the emulator itself, of the kernels, of the host, of the tutorial, and of the commands with `--backend metal`.
 * Exit code 1 if one fails.
 *
 * `--all` runs them on every case instead of some. With a sanitizer everything but Node is compiled with it, and tests
 * of commands and of the emulator's own diagnostics are left out. `CIDER_EMULATOR_BUILD` names a folder for the emulator's libraries; those that are there are taken
 * as they are. Needs clang (`$CXX`, clang++-19 or clang++) on Linux x86-64.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

import { withTemporaryFolder } from '../kernels/build/library.mjs';
import { root } from '../kernels/build/sources.mjs';
import { inParallel, main } from '../kernels/build/toolchain.mjs';
import { buildLibrary, libraryFile } from './emulator/library.mjs';
import { buildPrograms } from './test-programs.mjs';

await main(async () => {
  const { values: options, positionals: names } = parseArgs({
    options: { sanitize: { type: 'string' }, all: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const isWanted = (name) => names.length === 0 || names.includes(name);
  await withTemporaryFolder(async (folder) => {
    const builds = process.env.CIDER_EMULATOR_BUILD ?? join(folder, 'emulator');
    const runtime = join(builds, options.sanitize ?? 'release', libraryFile);
    if (!existsSync(runtime)) await buildLibrary(dirname(runtime), options.sanitize);
    const programs = await buildPrograms(join(folder, 'programs'), options.sanitize, isWanted);
    const jobs = [
      ...scripts(options).filter(({ name }) => isWanted(name) && (names.length > 0 || options.all || !isLong(name))),
      ...programs.map(({ name, program }) => ({ name, command: [program, ...(options.all ? ['all'] : [])] })),
      ...commands(options).filter(({ name }) => isWanted(name)),
    ];
    if (jobs.length === 0) throw new Error(`no test is named ${names.join(' or ')}`);
    const env = environment({ folder, builds, runtime }, options);
    const outcomes = await inParallel(jobs, (job) => runJob(job, env));
    const failed = outcomes.filter((passed) => !passed).length;
    console.log(`${outcomes.length - failed} passed, ${failed} failed`);
    if (failed > 0) process.exitCode = 1;
  });
});

/**
 * Tests of Node's own runner, a job a file. Most of them are about what the emulator says where a sanitizer would be first;
 * those that are not, `works`, also run with one.
 */
function scripts({ sanitize }) {
  return readdirSync(join(root, 'metal'), { recursive: true })
    .filter((name) => name.endsWith('.test.mjs') && (!sanitize || basename(name) === 'works.test.mjs'))
    .sort()
    .map((name) => ({
      name: basename(name, '.test.mjs'),
      command: [process.execPath, '--test', join(root, 'metal', name)],
    }));
}

/** What builds the emulator twice more, and what runs over it for most of a minute. */
function isLong(name) {
  return ['sanitizers', 'steps'].includes(name);
}

/** Commands as a user runs them. Sanitizers would need a Node of their own. */
function commands({ sanitize, all }) {
  if (sanitize) return [];
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const files = all ? [] : ['--exclude', '**/*.slow.metal.test.js'];
  const command = [process.execPath, vitest, 'run', '--config', 'vitest.metal.config.js', ...files];
  return [{ name: 'commands', command }];
}

/** Translated kernels are kept for the run, verdicts for each test, both in `folder`. */
function environment({ folder, builds, runtime }, { sanitize, all }) {
  return {
    ...process.env,
    TMPDIR: folder,
    CIDER_METAL_RUNTIME: runtime,
    CIDER_EMULATOR_BUILD: builds,
    CIDER_EMULATOR_CACHE: join(folder, 'translated'),
    ...(sanitize && { CIDER_EMULATOR_SANITIZE: sanitize }),
    ...(all && { CIDER_TEST_ALL: '1' }),
    // The emulator keeps what was translated for as long as it runs.
    ASAN_OPTIONS: 'detect_leaks=0:detect_stack_use_after_return=0',
  };
}

/** Prints a line: name, outcome, the last line of what it printed, time; and all it printed if it failed. */
async function runJob({ name, command: [program, ...args] }, env) {
  const start = performance.now();
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { out: '', error: '' };
  child.stdout.on('data', (text) => (output.out += text));
  child.stderr.on('data', (text) => (output.error += text));
  const [status, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (...ending) => resolve(ending));
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const outcome = status === 0 ? 'ok' : (signal ?? `exit code ${status}`);
  const [summary = ''] = output.out.match(/\d+ checks, \d+ failed$/gm)?.slice(-1) ?? [];
  console.log(`${name.padEnd(20)}  ${outcome}  ${summary}  ${seconds} s`);
  if (status !== 0) console.log(`${output.out}${output.error}`);
  return status === 0;
}
