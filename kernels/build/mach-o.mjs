import { createHash } from 'node:crypto';

import { readTrie, writeTrie } from './export-trie.mjs';
import { checkSignature, renewSignature } from './code-signature.mjs';

const MH_MAGIC_64 = 0xfeedfacf;
const CPU_TYPE_ARM64 = 0x0100000c;
const HEADER_BYTES = 32;
const LC_SYMTAB = 0x2;
const LC_DYSYMTAB = 0xb;
const LC_LOAD_DYLIB = 0xc;
const LC_ID_DYLIB = 0xd;
const LC_UUID = 0x1b;
const LC_CODE_SIGNATURE = 0x1d;
const LC_DYLD_INFO_ONLY = 0x80000022;
const LC_BUILD_VERSION = 0x32;
const LC_DYLD_EXPORTS_TRIE = 0x80000033;

/** Members of a symbol: `n_type`, `n_desc`. */
const SYMBOL_BYTES = 16;
const N_STAB = 0xe0;
const N_PEXT = 0x10;
const N_TYPE = 0x0e;
const N_EXT = 0x01;
const N_UNDF = 0x0;

/**
 * What the dynamic linker sees of a thin arm64 Mach-O library.
 *
 * @param {Buffer} file
 * @returns {{
 *   installName: string, exports: string[], undefinedSymbols: { name: string, library: string }[],
 *   dependencies: string[], minimumSystem: string, signature: string
 * }} names without their underscore; where each undefined symbol is to be found; loaded libraries; the oldest macOS; the
 * signature is `ad hoc` if it is one and the hashes of all pages are right, else what is wrong with it
 */
export function readMachO(file) {
  const { commands, trie } = readLayout(file);
  const dependencies = commands.filter(({ type }) => type === LC_LOAD_DYLIB).map(({ at }) => nameOf(file, at));
  const id = commands.find(({ type }) => type === LC_ID_DYLIB);
  const build = commands.find(({ type }) => type === LC_BUILD_VERSION);
  const oldest = build ? file.readUInt32LE(build.at + 12) : 0;
  return {
    installName: id ? nameOf(file, id.at) : '',
    exports: readTrie(file.subarray(trie.offset, trie.offset + trie.bytes))
      .map(({ name }) => name.replace(/^_/, ''))
      .sort(),
    undefinedSymbols: symbols(file)
      .filter(({ type }) => (type & (N_STAB | N_EXT)) === N_EXT && (type & N_TYPE) === N_UNDF)
      // Libraries are counted from 1, in the order in which they are loaded.
      .map(({ name, description }) => ({ name, library: dependencies[(description >> 8) - 1] ?? 'any' })),
    dependencies,
    minimumSystem: `${oldest >>> 16}.${(oldest >>> 8) & 0xff}`,
    signature: checkSignature(file, signatureOf(file)),
  };
}

/**
 * Takes all symbols but these out of what a library exports, and what differs from build to build out of the file, and
 * signs it anew. zig's linker heeds no list of exports, and adds symbols of its own.
 *
 * @param {Buffer} file changed in place
 * @param {string[]} names without their underscore
 */
export function keepExports(file, names) {
  const kept = new Set(names.map((name) => `_${name}`));
  const { trie } = readLayout(file);
  const bytes = file.subarray(trie.offset, trie.offset + trie.bytes);
  const smaller = writeTrie(readTrie(bytes).filter(({ name }) => kept.has(name)));
  if (smaller.length > bytes.length) throw new Error(`${smaller.length} bytes of exports instead of ${bytes.length}`);
  bytes.fill(0).set(smaller);
  for (const { name, type, at } of symbols(file)) {
    const isExported = (type & (N_STAB | N_EXT)) === N_EXT && (type & N_TYPE) !== N_UNDF;
    if (isExported && !kept.has(name)) file[at + 4] = (type & ~N_EXT) | N_PEXT;
  }
  clearIndirectSymbols(file);
  renewUuid(file);
  renewSignature(file, signatureOf(file));
}

/**
 * zig's linker makes room for an indirect symbol of every pointer and writes none for those to symbols of the library
 * itself, so that the end of the table is what happens to be in memory. The last one written is the last undefined symbol.
 */
function clearIndirectSymbols(file) {
  const { at } = readLayout(file).commands.find(({ type }) => type === LC_DYSYMTAB);
  const [firstUndefined, undefinedCount] = [24, 28].map((member) => file.readUInt32LE(at + member));
  const [table, count] = [56, 60].map((member) => file.readUInt32LE(at + member));
  for (let entry = table + 4 * (count - 1); entry >= table; entry -= 4) {
    if (file.readUInt32LE(entry) === firstUndefined + undefinedCount - 1) return;
    file.writeUInt32LE(0, entry);
  }
  throw new Error('no indirect symbol is the last undefined one');
}

/** The linker's own is a hash of what was in memory, too. RFC 9562 has version 8 for what others make. */
function renewUuid(file) {
  const { at } = readLayout(file).commands.find(({ type }) => type === LC_UUID);
  const uuid = file.subarray(at + 8, at + 24).fill(0);
  createHash('sha256')
    .update(file.subarray(0, signatureOf(file)))
    .digest()
    .copy(uuid);
  uuid[6] = (uuid[6] & 0x0f) | 0x80;
  uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

function readLayout(file) {
  if (file.readUInt32LE(0) !== MH_MAGIC_64 || file.readUInt32LE(4) !== CPU_TYPE_ARM64) {
    throw new Error('not an arm64 Mach-O file');
  }
  const commands = [];
  let at = HEADER_BYTES;
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    commands.push({ type: file.readUInt32LE(at), at });
    at += file.readUInt32LE(at + 4);
  }
  const old = commands.find(({ type }) => type === LC_DYLD_INFO_ONLY);
  const trie = commands.find(({ type }) => type === LC_DYLD_EXPORTS_TRIE);
  const words = old ? old.at + 40 : trie ? trie.at + 8 : undefined;
  return {
    commands,
    trie: words ? { offset: file.readUInt32LE(words), bytes: file.readUInt32LE(words + 4) } : { offset: 0, bytes: 0 },
  };
}

/** The name in a load command of a library. */
function nameOf(file, at) {
  return textAt(file, at + file.readUInt32LE(at + 8));
}

const textAt = (bytes, at) => bytes.toString('latin1', at, bytes.indexOf(0, at));

function symbols(file) {
  const table = readLayout(file).commands.find(({ type }) => type === LC_SYMTAB);
  if (!table) return [];
  const [first, count, strings] = [8, 12, 16].map((offset) => file.readUInt32LE(table.at + offset));
  return Array.from({ length: count }, (_, index) => {
    const at = first + index * SYMBOL_BYTES;
    return {
      at,
      name: textAt(file, strings + file.readUInt32LE(at)),
      type: file[at + 4],
      description: file.readUInt16LE(at + 6),
    };
  });
}

/** Where the signature begins; undefined if there is none. */
function signatureOf(file) {
  const command = readLayout(file).commands.find(({ type }) => type === LC_CODE_SIGNATURE);
  return command && file.readUInt32LE(command.at + 8);
}
