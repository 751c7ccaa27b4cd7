const SHT_SYMTAB = 2;
const SHT_DYNAMIC = 6;
const SHT_DYNSYM = 11;
const SHT_INIT_ARRAY = 14;
const SHT_GNU_VERNEED = 0x6ffffffe;
const DT_NEEDED = 1n;
const SHN_UNDEF = 0;
const STB_WEAK = 2;

/**
 * What the dynamic linker sees of a 64-bit little-endian ELF library.
 *
 * @param {Buffer} file
 * @returns {{ exports: string[], imports: string[], dependencies: string[], versions: string[], runsAtLoad: boolean }}
 * names of dynamic symbols that are defined and that are needed, needed libraries, required symbol versions such as
 * `GLIBC_2.17`, and whether there are constructors
 */
export function readElf(file) {
  const { ofType, linkedText } = readSections(file);
  const namesOf = (symbols) =>
    ofType(SHT_DYNSYM)
      .flatMap((section) => symbols(file, section).map((at) => linkedText(section, file.readUInt32LE(at))))
      .filter((name) => name !== '')
      .sort();
  const dependencies = ofType(SHT_DYNAMIC).flatMap((section) =>
    entries(section, 16)
      .filter((at) => file.readBigUInt64LE(at) === DT_NEEDED)
      .map((at) => linkedText(section, Number(file.readBigUInt64LE(at + 8)))),
  );
  const versions = ofType(SHT_GNU_VERNEED).flatMap((section) =>
    [...versionNames(file, section)].map((name) => linkedText(section, name)),
  );
  return {
    exports: namesOf(definedSymbols),
    imports: namesOf(undefinedSymbols),
    dependencies: dependencies.sort(),
    versions: [...new Set(versions)].sort(),
    runsAtLoad: ofType(SHT_INIT_ARRAY).length > 0,
  };
}

/**
 * Symbols of an object file of which the linker may take another file's definition, such as inline functions.
 *
 * @param {Buffer} file
 * @returns {string[]} mangled names
 */
export function weakDefinitions(file) {
  const { ofType, linkedText } = readSections(file);
  return ofType(SHT_SYMTAB).flatMap((section) =>
    definedSymbols(file, section)
      .filter((at) => file[at + 4] >>> 4 === STB_WEAK)
      .map((at) => linkedText(section, file.readUInt32LE(at))),
  );
}

const isDefined = (file, at) => file.readUInt16LE(at + 6) !== SHN_UNDEF;
const definedSymbols = (file, section) => entries(section, 24).filter((at) => isDefined(file, at));
const undefinedSymbols = (file, section) => entries(section, 24).filter((at) => !isDefined(file, at));

function readSections(file) {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) throw new Error('not a 64-bit ELF file');
  const start = Number(file.readBigUInt64LE(0x28));
  const entryBytes = file.readUInt16LE(0x3a);
  const sections = Array.from({ length: file.readUInt16LE(0x3c) }, (_, index) => {
    const at = start + index * entryBytes;
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 0x18)),
      bytes: Number(file.readBigUInt64LE(at + 0x20)),
      link: file.readUInt32LE(at + 0x28),
    };
  });
  return {
    ofType: (type) => sections.filter((section) => section.type === type),
    /** The string at an offset into the table that a section refers to. */
    linkedText: (section, offset) => {
      const first = sections[section.link].offset + offset;
      return file.toString('latin1', first, file.indexOf(0, first));
    },
  };
}

const entries = ({ offset, bytes }, size) => Array.from({ length: bytes / size }, (_, index) => offset + index * size);

/** Offsets of version names: a list of libraries, each with a list of versions, chained by relative offsets. */
function* versionNames(file, { offset }) {
  for (let library = offset, next = 1; next !== 0; library += next) {
    let version = library + file.readUInt32LE(library + 8);
    for (let i = file.readUInt16LE(library + 2); i > 0; i--) {
      yield file.readUInt32LE(version + 8);
      version += file.readUInt32LE(version + 12);
    }
    next = file.readUInt32LE(library + 12);
  }
}
