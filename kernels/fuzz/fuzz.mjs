/**
 * `npm run fuzz:native -- [--minutes M] [--workers N] [--input FILE] [--keep FOLDER]`: builds the library with libFuzzer,
 * AddressSanitizer and UndefinedBehaviorSanitizer, and calls the entries of cider.h with sizes, offsets and strides that
 * fit and that do not. Exit code 1 if one of them does what it must not; the program that led there is kept in
 * fuzz/findings/native, and runs again when it is given as `--input`. With `--keep` the fewest programs that reach all that
 * was reached are put into a folder: what corpus/ is made of.
 *
 * Needs clang++-19, or another clang that `$CXX` names, with its runtime (libclang-rt-19-dev).
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { compileArguments, linkProgramArguments } from '../build/flags.mjs';
import { withTemporaryFolder } from '../build/library.mjs';
import { librarySources, objectName, root } from '../build/sources.mjs';
import { findSystemCompiler, inParallel, main, run } from '../build/toolchain.mjs';

const sanitizers = 'address,undefined';
const here = 'kernels/fuzz';

/** A program of 48 steps takes some 20 bytes a step. */
const MAX_INPUT_BYTES = 1024;

await main(async () => {
  const { values: options } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      workers: { type: 'string', default: '1' },
      input: { type: 'string' },
      keep: { type: 'string' },
    },
  });
  const seconds = Math.round(Number(options.minutes) * 60);
  if (!(seconds > 0)) throw new Error('--minutes takes a number above 0');
  await withTemporaryFolder(async (folder) => {
    const program = await build(folder);
    const findings = join(root, 'fuzz/findings/native/');
    mkdirSync(findings, { recursive: true });
    const corpus = join(folder, 'corpus');
    mkdirSync(corpus);
    cpSync(join(root, here, 'corpus'), corpus, { recursive: true });
    const workers = Array.from({ length: Number(options.workers) }, (_, i) => i);
    const flags = [
      `-max_total_time=${seconds}`,
      `-max_len=${MAX_INPUT_BYTES}`,
      `-artifact_prefix=${findings}`,
      // Programs are long from the start: short ones make nothing that operations could work on.
      '-len_control=0',
      '-timeout=10',
      '-rss_limit_mb=1024',
      '-print_final_stats=1',
      '-verbosity=1',
    ];
    const passed = options.input
      ? [await fuzz(program, [options.input])]
      : await Promise.all(workers.map((worker) => fuzz(program, [`-seed=${worker + 1}`, ...flags, corpus])));
    if (options.keep) {
      mkdirSync(options.keep, { recursive: true });
      await fuzz(program, ['-set_cover_merge=1', options.keep, corpus]);
    }
    if (!passed.every(Boolean)) process.exitCode = 1;
  });
});

/** Every source of the library and of the harness, with counters of what was reached. */
async function build(folder) {
  const compiler = findSystemCompiler();
  const platform = (sanitizer) => ({ architecture: process.arch, sanitizer });
  const harness = readdirSync(join(root, here))
    .filter((name) => name.endsWith('.cpp'))
    .map((name) => ({ path: `${here}/${name}`, features: [] }));
  const objectOf = ({ path }) => join(folder, objectName(path));
  const sources = [...librarySources(process.arch), ...harness];
  await inParallel(sources, (source) =>
    run(compiler, compileArguments(platform(`fuzzer-no-link,${sanitizers}`), source, objectOf(source)), root),
  );
  const program = join(folder, 'fuzz');
  const link = linkProgramArguments(platform(`fuzzer,${sanitizers}`), sources.map(objectOf), program);
  await run(compiler, link, root);
  return program;
}

/** Runs the program and passes its output on; whether it found nothing. */
function fuzz(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('close', (status) => resolve(status === 0));
  });
}
