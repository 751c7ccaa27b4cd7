/**
 * `npm run test:native -- [--sanitize address|thread] [--target arm64] [name …]`: builds and runs the tests beside the
 * kernels, one program a file. Exit code 1 if one fails.
 *
 * Sanitizers need a system compiler, as zig brings no AddressSanitizer: `$CXX`, clang++-19 or clang++. `--target
 * arm64` runs under qemu-aarch64-static on other machines.
 */
import { spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

import { compileArguments, linkProgramArguments } from './flags.mjs';
import { withTemporaryFolder } from './library.mjs';
import { testPlatform } from './platforms.mjs';
import { librarySources, objectName, root, testSources } from './sources.mjs';
import { findSystemCompiler, findZig, inParallel, main, run } from './toolchain.mjs';

await main(async () => {
  const { values: options, positionals: names } = parseArgs({
    options: {
      sanitize: { type: 'string' },
      target: { type: 'string', default: process.arch },
    },
    allowPositionals: true,
  });
  const platform = testPlatform(options.target, options.sanitize);
  const tests = testSources().filter(({ path }) => names.length === 0 || names.includes(nameOf(path)));
  if (tests.length === 0) throw new Error(`no test is named ${names.join(' or ')}`);
  const emulator = options.target === process.arch ? [] : ['qemu-aarch64-static'];
  await withTemporaryFolder(async (folder) => {
    const programs = await buildTests(platform, tests, folder);
    const passed = programs.map((program, i) => runTest(nameOf(tests[i].path), [...emulator, program]));
    if (!passed.every(Boolean)) process.exitCode = 1;
  });
});

/** Builds each test together with the whole library. */
async function buildTests(platform, tests, folder) {
  const compiler = platform.target ? findZig() : findSystemCompiler();
  const objectOf = ({ path }) => join(folder, objectName(path));
  const library = librarySources(platform.architecture);
  await inParallel([...library, ...tests], (source) =>
    run(compiler, compileArguments(platform, source, objectOf(source)), root),
  );
  return inParallel(tests, async (test) => {
    const program = objectOf(test).replace(/\.o$/, '');
    const objects = [test, ...library].map(objectOf);
    await run(compiler, linkProgramArguments(platform, objects, program), root);
    return program;
  });
}

/** Prints one line: the name of the test, whether it passed, the last line of its output, and the time it took. */
function runTest(name, [command, ...args]) {
  const start = performance.now();
  const { status, signal, error, stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const outcome = status === 0 ? 'ok' : (error?.message ?? signal ?? `exit code ${status}`);
  const summary = stdout?.trim().split('\n').at(-1) ?? '';
  console.log(`${name.padEnd(20)}  ${outcome}  ${summary}  ${seconds} s`);
  return status === 0;
}

function nameOf(path) {
  return basename(path, '.test.cpp');
}
