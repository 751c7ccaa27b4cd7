/**
 * What something is built for.
 *
 * @typedef {object} Platform
 * @property {'x64' | 'arm64'} architecture
 * @property {string} [target] of zig; without one, a system compiler builds for the machine that it runs on
 * @property {string} [cpu] zig's name of the baseline
 * @property {string} [sanitizer] value of -fsanitize
 */

/** Where the library runs: names are Node's `${process.platform}-${process.arch}`. */
export const platforms = [
  { name: 'linux-x64', file: 'libcider.so', architecture: 'x64', target: 'x86_64-linux-gnu.2.28', cpu: 'x86_64' },
  { name: 'linux-arm64', file: 'libcider.so', architecture: 'arm64', target: 'aarch64-linux-gnu.2.28', cpu: 'generic' },
  {
    name: 'darwin-arm64',
    file: 'libcider.dylib',
    architecture: 'arm64',
    target: 'aarch64-macos.14.0',
    cpu: 'apple_m1',
  },
];

const sanitizers = { address: 'address,undefined', thread: 'thread' };

/** This machine, for a system compiler, with a sanitizer or without one. */
export function thisMachine(sanitizer) {
  if (sanitizer === undefined) return { architecture: process.arch };
  if (!(sanitizer in sanitizers)) throw new Error(`--sanitize ${sanitizer}: neither address nor thread`);
  return { architecture: process.arch, sanitizer: sanitizers[sanitizer] };
}

/**
 * What tests are built for: this platform as it is published; arm64 on another machine as static programs, which an
 * emulator runs without a system around them; with a sanitizer, the machine of a system compiler.
 *
 * @returns {Platform}
 */
export function testPlatform(architecture, sanitizer) {
  if (sanitizer !== undefined) {
    if (architecture !== process.arch) throw new Error('--sanitize works without --target only');
    return thisMachine(sanitizer);
  }
  const published = platforms.find(({ name }) => name === `${process.platform}-${architecture}`);
  if (published && architecture === process.arch) return published;
  if (architecture === 'arm64') return { architecture, target: 'aarch64-linux-musl', cpu: 'generic' };
  throw new Error(`no tests are built for ${architecture} on ${process.platform}-${process.arch}`);
}
