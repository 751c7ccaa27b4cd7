/** What a function of a tiny library does. */
export type Behaviour = { returns: number } | 'crash' | 'hang';

export interface TinyLibrary {
  /** By name of the exported function. */
  functions: Record<string, Behaviour>;
  /** Run while the library is loaded. */
  onLoad?: Behaviour;
  arch?: 'x64' | 'arm64';
}

/** Machine code that needs no other: a return of a small number, an undefined instruction, a jump to itself. */
const code = {
  x64: {
    returns: (value: number) => [0xb8, value & 0xff, value >> 8, 0, 0, 0xc3],
    crash: [0x0f, 0x0b],
    hang: [0xeb, 0xfe],
  },
  arm64: {
    returns: (value: number) => words(0x52800000 | (value << 5), 0xd65f03c0),
    crash: words(0),
    hang: words(0x14000000),
  },
};

function words(...values: number[]): number[] {
  return values.flatMap((value) => [value, value >> 8, value >> 16, value >>> 24].map((byte) => byte & 0xff));
}

const MACHINE = { x64: 62, arm64: 183 };
const PAGE = 0x10000;
const SEGMENTS = 4;
const HEADER_BYTES = 64 + SEGMENTS * 56;
const SYMBOL_BYTES = 24;

/**
 * An ELF shared library of a few hundred bytes of code, made without a compiler: a read-only segment with code and
 * symbols at address 0, and the dynamic section on a page of its own, which loaders write to.
 */
export function tinyLibrary({
  functions,
  onLoad,
  arch = process.arch === 'arm64' ? 'arm64' : 'x64',
}: TinyLibrary): Uint8Array {
  const names = Object.keys(functions);
  const strings = `\0${names.join('\0')}\0`;
  const symbolsAt = HEADER_BYTES;
  const hashAt = symbolsAt + SYMBOL_BYTES * (names.length + 1);
  const stringsAt = hashAt + 4 * (2 + 1 + names.length + 1);
  const codeAt = Math.ceil((stringsAt + strings.length) / 16) * 16;
  const bodies = [...Object.values(functions), ...(onLoad === undefined ? [] : [onLoad])].map((behaviour) =>
    typeof behaviour === 'object' ? code[arch].returns(behaviour.returns) : code[arch][behaviour],
  );
  const addresses = bodies.map((_, i) => codeAt + 16 * i);

  const bytes = new Uint8Array(PAGE + 16 * 8);
  const view = new DataView(bytes.buffer);
  const put64 = (at: number, ...values: number[]): void => {
    values.forEach((value, i) => {
      view.setBigUint64(at + 8 * i, BigInt(value), true);
    });
  };
  const put32 = (at: number, ...values: number[]): void => {
    values.forEach((value, i) => {
      view.setUint32(at + 4 * i, value, true);
    });
  };

  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  put32(16, 3 | (MACHINE[arch] << 16), 1);
  put64(32, 64);
  put32(52, 64 | (56 << 16), SEGMENTS | (64 << 16));
  const segment = (index: number, type: number, flags: number, offset: number, size: number): void => {
    const at = 64 + 56 * index;
    put32(at, type, flags);
    put64(at + 8, offset, offset, offset, size, size, type === 1 ? PAGE : 8);
  };
  const [load, dynamic, stack] = [1, 2, 0x6474e551];
  segment(0, load, 5, 0, codeAt + 16 * bodies.length);
  segment(1, load, 6, PAGE, bytes.length - PAGE);
  segment(2, dynamic, 6, PAGE, bytes.length - PAGE);
  segment(3, stack, 6, 0, 0);

  names.forEach((name, i) => {
    const at = symbolsAt + SYMBOL_BYTES * (i + 1);
    // A global function; the section only has to be a defined one.
    put32(at, strings.indexOf(`\0${name}\0`) + 1, 0x12 | (1 << 16));
    put64(at + 8, addresses[i], bodies[i].length);
  });
  // One bucket: a chain through all symbols.
  put32(hashAt, 1, names.length + 1, names.length === 0 ? 0 : 1, 0);
  names.forEach((_, i) => {
    put32(hashAt + 4 * (4 + i), i + 1 < names.length ? i + 2 : 0);
  });
  bytes.set(new TextEncoder().encode(strings), stringsAt);
  bodies.forEach((body, i) => {
    bytes.set(body, addresses[i]);
  });

  const [HASH, STRTAB, SYMTAB, STRSZ, SYMENT, INIT] = [4, 5, 6, 10, 11, 12];
  const entries = [HASH, hashAt, STRTAB, stringsAt, SYMTAB, symbolsAt, STRSZ, strings.length, SYMENT, SYMBOL_BYTES];
  if (onLoad !== undefined) entries.push(INIT, addresses[names.length]);
  put64(PAGE, ...entries, 0, 0);
  return bytes;
}
