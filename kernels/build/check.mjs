/**
 * `npm run check:prebuilt`: builds the libraries anew, and compares the published ones with them and with what they
 * promise. Exit code 7 on a difference.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { readElf } from './elf.mjs';
import { buildLibraries, prebuilt, withTemporaryFolder } from './library.mjs';
import { readMachO } from './mach-o.mjs';
import { platforms } from './platforms.mjs';
import { readAbi } from './sources.mjs';
import { main } from './toolchain.mjs';

const CHECK_FAILED = 7;
const MAX_BYTES = 1_000_000;
const MAX_GLIBC = [2, 28];
const LIBC = /^(lib(c|m|pthread|dl)\.so\.\d|ld-linux-(x86-64|aarch64)\.so\.\d)$/;
const OLDEST_MACOS = '14.0';
const LIBSYSTEM = '/usr/lib/libSystem.B.dylib';

await main(async () => {
  const abi = readAbi();
  const published = JSON.parse(readFileSync(join(prebuilt, 'manifest.json'), 'utf8'));
  const rebuilt = await withTemporaryFolder(buildLibraries);

  let differences = 0;
  const report = (platform, what, problem) => {
    if (problem) differences++;
    console.log(`${platform.padEnd(12)}  ${what.padEnd(12)}  ${problem ? `DIFFERS: ${problem}` : 'ok'}`);
  };

  report(
    'manifest',
    'abi',
    published.abiVersion !== abi.version && `${published.abiVersion}, cider.h has ${abi.version}`,
  );
  report('manifest', 'zig', published.zig !== rebuilt.zig && `${published.zig}, built with ${rebuilt.zig}`);
  for (const { name, file } of platforms) {
    const library = readFileSync(join(prebuilt, name, file));
    const sha256 = createHash('sha256').update(library).digest('hex');
    report(name, 'manifest', published.libraries[name]?.sha256 !== sha256 && `the file has ${sha256}`);
    report(
      name,
      'build',
      rebuilt.libraries[name].sha256 !== sha256 && `a new build has ${rebuilt.libraries[name].sha256}`,
    );
    report(name, 'size', library.length >= MAX_BYTES && `${library.length} bytes`);
    if (file.endsWith('.so')) {
      const image = readElf(library);
      report(name, 'exports', differenceOf(image.exports, abi.functions));
      report(name, 'dependencies', image.dependencies.filter((dependency) => !LIBC.test(dependency)).join(' '));
      report(name, 'glibc', image.versions.filter(isTooNew).join(' '));
      report(name, 'load', image.runsAtLoad && 'constructors run when it is loaded');
    } else {
      const image = readMachO(library);
      report(name, 'exports', differenceOf(image.exports, abi.functions));
      report(name, 'dependencies', image.dependencies.filter((dependency) => dependency !== LIBSYSTEM).join(' '));
      const strange = image.undefinedSymbols.filter(({ library }) => library !== LIBSYSTEM);
      report(name, 'undefined', strange.map((symbol) => `${symbol.name} of ${symbol.library}`).join(' '));
      report(name, 'install name', image.installName !== `@rpath/${file}` && image.installName);
      report(name, 'system', image.minimumSystem !== OLDEST_MACOS && image.minimumSystem);
      report(name, 'signature', image.signature !== 'ad hoc' && image.signature);
    }
  }
  process.exitCode = differences > 0 ? CHECK_FAILED : 0;
});

/** Names on one side only, with the sign of a diff. */
function differenceOf(found, expected) {
  return [
    ...found.filter((name) => !expected.includes(name)).map((name) => `+${name}`),
    ...expected.filter((name) => !found.includes(name)).map((name) => `-${name}`),
  ].join(' ');
}

/** Whether a symbol version such as GLIBC_2.17 is beyond the oldest glibc that is supported. */
function isTooNew(version) {
  const [, major, minor] = /^GLIBC_(\d+)\.(\d+)/.exec(version) ?? [];
  return !(Number(major) === MAX_GLIBC[0] && Number(minor) <= MAX_GLIBC[1]);
}
