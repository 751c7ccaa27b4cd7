const MH_MAGIC_64 = 0xfeedfacf;
const CPU_TYPE_ARM64 = 0x0100000c;
const LC_LOAD_DYLIB = 0xc;
const LC_CODE_SIGNATURE = 0x1d;
const LC_DYLD_INFO_ONLY = 0x80000022;
const LC_BUILD_VERSION = 0x32;
const LC_DYLD_EXPORTS_TRIE = 0x80000033;

/**
 * What the dynamic linker sees of a thin arm64 Mach-O library.
 *
 * @param {Buffer} file
 * @returns {{ exports: string[], dependencies: string[], minimumSystem: string, signed: boolean }} exported names
 * without their underscore, loaded libraries, the oldest macOS, and whether there is a code signature
 */
export function readMachO(file) {
  if (file.readUInt32LE(0) !== MH_MAGIC_64 || file.readUInt32LE(4) !== CPU_TYPE_ARM64) {
    throw new Error('not an arm64 Mach-O file');
  }
  const image = { exports: [], dependencies: [], minimumSystem: '', signed: false };
  let at = 32;
  for (let command = file.readUInt32LE(16); command > 0; command--) {
    const word = (index) => file.readUInt32LE(at + 4 * index);
    switch (word(0)) {
      case LC_LOAD_DYLIB: {
        const name = at + word(2);
        image.dependencies.push(file.toString('latin1', name, file.indexOf(0, name)));
        break;
      }
      case LC_DYLD_EXPORTS_TRIE:
        image.exports.push(...exportedNames(file.subarray(word(2), word(2) + word(3))));
        break;
      case LC_DYLD_INFO_ONLY:
        image.exports.push(...exportedNames(file.subarray(word(10), word(10) + word(11))));
        break;
      case LC_BUILD_VERSION:
        image.minimumSystem = `${word(3) >>> 16}.${(word(3) >>> 8) & 0xff}`;
        break;
      case LC_CODE_SIGNATURE:
        image.signed = true;
        break;
    }
    at += word(1);
  }
  image.exports.sort();
  return image;
}

/** The names in an export trie: a node is the payload of its name, then labelled edges to longer names. */
function exportedNames(trie) {
  const names = [];
  const visit = (node, prefix) => {
    const [payloadBytes, payload] = readUleb(trie, node);
    if (payloadBytes > 0) names.push(prefix.replace(/^_/, ''));
    let at = payload + payloadBytes;
    for (let edges = trie[at++]; edges > 0; edges--) {
      const end = trie.indexOf(0, at);
      const [child, next] = readUleb(trie, end + 1);
      visit(child, prefix + trie.toString('latin1', at, end));
      at = next;
    }
  };
  if (trie.length > 0) visit(0, '');
  return names;
}

/** A little-endian base-128 number, and the offset behind it. */
function readUleb(bytes, start) {
  let value = 0;
  let at = start;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
}
