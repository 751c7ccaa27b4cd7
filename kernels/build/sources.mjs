import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The repository; compilers run here and see relative paths only, so that no path gets into an object file. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** What the library consists of: the interface and the backends behind it. */
const folders = ['kernels/abi', 'kernels/cpu', 'metal/host'];

const avx512 = ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mfma', '-mf16c'];

/** Instruction sets by the end of a file's name; a file without one is compiled for the baseline of its architecture. */
const instructionSets = {
  x64: {
    avx2: ['-mavx2', '-mfma', '-mf16c'],
    avx512,
    avx512vnni: [...avx512, '-mavx512vnni'],
    amx: [...avx512, '-mgfni', '-mamx-tile', '-mamx-int8', '-mamx-bf16', '-mavx512bf16'],
  },
  arm64: {
    neon: [],
    'neon-dotprod': ['dotprod', 'fullfp16'],
    'neon-i8mm': ['dotprod', 'fullfp16', 'i8mm'],
  },
};

/**
 * The files of the library for an architecture, in a fixed order.
 *
 * @param {'x64' | 'arm64'} architecture
 * @returns {{ path: string, features: string[] }[]} flags for x64, names of features for arm64
 */
export function librarySources(architecture) {
  return files('.cpp')
    .filter((path) => !path.endsWith('.test.cpp'))
    .flatMap((path) => {
      const isa = instructionSetOf(path);
      if (isa === undefined) return [{ path, features: [] }];
      const features = instructionSets[architecture][isa];
      return features ? [{ path, features }] : [];
    });
}

/** The tests: one program a file. */
export const testSources = () => files('.test.cpp').map((path) => ({ path, features: [] }));

const files = (ending) =>
  folders.flatMap((folder) =>
    readdirSync(new URL(folder, `file://${root}`))
      .filter((name) => name.endsWith(ending))
      .sort()
      .map((name) => `${folder}/${name}`),
  );

/** The name of the object file of a source file: names of sources are unique in their folder only. */
export const objectName = (path) => `${path.replace(/\.cpp$/, '').replaceAll('/', '-')}.o`;

function instructionSetOf(path) {
  const names = Object.values(instructionSets).flatMap(Object.keys);
  return names.find((name) => path.endsWith(`-${name}.cpp`));
}

/** The functions that cider.h declares, and the version of its contract. */
export function readAbi() {
  const header = readFileSync(`${root}kernels/cider.h`, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const functions = [...header.matchAll(/\b(cider_\w+)\(/g)].map(([, name]) => name).sort();
  return { functions, version: Number(/#define CIDER_ABI_VERSION (\d+)/.exec(header)[1]) };
}
