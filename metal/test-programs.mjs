import { mkdirSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

import { compileArguments, linkProgramArguments } from '../kernels/build/flags.mjs';
import { thisMachine } from '../kernels/build/platforms.mjs';
import { librarySources, objectName, root } from '../kernels/build/sources.mjs';
import { findSystemCompiler, inParallel, run } from '../kernels/build/toolchain.mjs';

/** Kernels are tested by themselves, with as much of the host as launches one. */
const kernelHost = ['objc', 'text', 'join'].map((name) => ({ path: `metal/host/${name}.cpp`, features: [] }));

/** Folders of tests in C++, and what each of their programs is linked with besides the other files of the folder. */
const suites = [
  { folder: 'kernels/metal/test', library: () => kernelHost },
  { folder: 'metal/host/test', library: () => librarySources(process.arch) },
];

/**
 * Builds the tests in C++ of kernels and host that `isWanted`.
 *
 * @param {string} folder for objects and programs
 * @param {'address' | 'thread' | undefined} sanitizer
 * @param {(name: string) => boolean} isWanted
 * @returns {Promise<{ name: string, program: string }[]>}
 */
export async function buildPrograms(folder, sanitizer, isWanted) {
  mkdirSync(folder, { recursive: true });
  const platform = thisMachine(sanitizer);
  const compiler = findSystemCompiler();
  const objectOf = ({ path }) => join(folder, objectName(path));
  const programs = suites.flatMap(({ folder: sources, library }) => {
    const files = readdirSync(join(root, sources)).filter((name) => name.endsWith('.cpp'));
    const source = (name) => ({ path: `${sources}/${name}`, features: [] });
    const helpers = files.filter((name) => !name.endsWith('.test.cpp')).map(source);
    return files
      .filter((name) => name.endsWith('.test.cpp') && isWanted(basename(name, '.test.cpp')))
      .map((name) => ({ name: basename(name, '.test.cpp'), parts: [source(name), ...helpers, ...library()] }));
  });
  const sources = new Map(programs.flatMap(({ parts }) => parts.map((part) => [part.path, part])));
  await inParallel([...sources.values()], (source) =>
    run(compiler, compileArguments(platform, source, objectOf(source)), root),
  );
  return inParallel(programs, async ({ name, parts }) => {
    const program = objectOf(parts[0]).replace(/\.o$/, '');
    await run(compiler, [...linkProgramArguments(platform, parts.map(objectOf), program), '-ldl'], root);
    return { name, program };
  });
}
