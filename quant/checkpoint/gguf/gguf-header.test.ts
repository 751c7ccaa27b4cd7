import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildGguf,
  tinyGguf,
  withKeys,
  type GgufKey,
  type GgufPlan,
  type GgufTensorPlan,
} from '../../../testing/tiny-gguf.ts';
import { InputError } from '../../errors.ts';
import { parseGgufHeader, type GgufHeader } from './gguf-header.ts';
import type { HeaderSource } from './header-reader.ts';

/** Bytes as a file; `claimed` is a size that they do not have. */
const sourceOf = (bytes: Uint8Array, claimed = bytes.byteLength): HeaderSource => ({
  name: 'x.gguf',
  bytes: claimed,
  readAt: (into, offset) => {
    into.set(bytes.subarray(offset, offset + into.byteLength));
    return into;
  },
});

const parse = (bytes: Uint8Array): GgufHeader => parseGgufHeader(sourceOf(bytes));

function codeOf(bytes: Uint8Array): string {
  try {
    parse(bytes);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.message).toMatch(/^x\.gguf: /);
    return error.code;
  }
  return 'none';
}

const key = (value: Partial<GgufKey>): GgufKey => ({ key: 'k', type: 'u32', value: 1, ...value });
const keys = (...changes: Partial<GgufKey>[]): Uint8Array => buildGguf({ keys: changes.map(key), tensors: [] });
const tensor = (change: Partial<GgufTensorPlan>): GgufTensorPlan => ({
  name: 't',
  shape: [4],
  type: 0,
  data: new Uint8Array(16),
  ...change,
});
const tensors = (...changes: Partial<GgufTensorPlan>[]): Uint8Array =>
  buildGguf({ keys: [], tensors: changes.map(tensor) });
const plan = (changes: Partial<GgufPlan>): Uint8Array => buildGguf({ ...tinyGguf, ...changes });

const huge = 2n ** 64n - 1n;
/** A list of one list of one list …, with an empty list of numbers inside. */
function nested(depth: number): Partial<GgufKey> {
  const list = Buffer.alloc(12);
  list.writeUInt32LE(9);
  list.writeBigUInt64LE(1n, 4);
  return { type: 'array', raw: Buffer.concat([...Array.from({ length: depth - 1 }, () => list), Buffer.alloc(12)]) };
}

const attacks: readonly [string, string, Uint8Array][] = [
  ['no bytes', 'E_GGUF_TRUNCATED', new Uint8Array(0)],
  ['half a header', 'E_GGUF_TRUNCATED', plan({}).subarray(0, 20)],
  ['another magic', 'E_GGUF_MAGIC', plan({ magic: 'GGML' })],
  ['version 1', 'E_GGUF_VERSION', plan({ version: 1 })],
  ['version 4', 'E_GGUF_VERSION', plan({ version: 4 })],
  ['version 0', 'E_GGUF_VERSION', plan({ version: 0 })],
  ['big-endian', 'E_GGUF_BIG_ENDIAN', plan({ version: 0x03000000 })],
  ['2^64 - 1 tensors', 'E_GGUF_TOO_MANY_TENSORS', plan({ tensorCount: huge })],
  ['more tensors than the file can list', 'E_GGUF_TRUNCATED', plan({ tensorCount: 199_999n })],
  ['2^64 - 1 keys', 'E_GGUF_TOO_MANY_KEYS', plan({ keyCount: huge })],
  ['more keys than the file can hold', 'E_GGUF_TRUNCATED', buildGguf({ keys: [], tensors: [], keyCount: 9_000n })],
  ['a string of 2^64 - 1 bytes', 'E_GGUF_STRING_LENGTH', keys({ type: 'string', value: 'x', length: huge })],
  ['a string past the end', 'E_GGUF_TRUNCATED', keys({ type: 'string', value: 'x', length: 9n })],
  ['a key of 5000 bytes', 'E_GGUF_STRING_LENGTH', keys({ key: 'k'.repeat(5000) })],
  ['a string that is not UTF-8', 'E_GGUF_ENCODING', keys({ type: 'string', value: Uint8Array.of(0xc3, 0x28) })],
  ['the same key twice', 'E_GGUF_DUPLICATE_KEY', keys({}, {})],
  ['an unknown type of value', 'E_GGUF_VALUE_TYPE', keys({ typeId: 13 })],
  ['a boolean of 2', 'E_GGUF_BOOL', keys({ type: 'bool', value: 2 })],
  ['a list of 2^64 - 1', 'E_GGUF_ARRAY_LENGTH', keys({ type: 'array', value: [1], length: huge })],
  ['a list past the end', 'E_GGUF_TRUNCATED', keys({ type: 'array', value: [1], length: 3n })],
  ['strings past the end', 'E_GGUF_TRUNCATED', keys({ type: 'array', value: ['a'], of: 'string', length: 3n })],
  ['lists inside one another', 'E_GGUF_ARRAY_DEPTH', keys(nested(5))],
  ['an alignment of 0', 'E_GGUF_ALIGNMENT', keys({ key: 'general.alignment', value: 0 })],
  ['an alignment of 24', 'E_GGUF_ALIGNMENT', keys({ key: 'general.alignment', value: 24 })],
  ['an alignment of 2^31', 'E_GGUF_ALIGNMENT', keys({ key: 'general.alignment', value: 2 ** 31 })],
  ['an alignment that is a float', 'E_GGUF_ALIGNMENT', keys({ key: 'general.alignment', type: 'f32', value: 32 })],
  ['an alignment that is a text', 'E_GGUF_ALIGNMENT', keys({ key: 'general.alignment', type: 'string', value: '32' })],
  ['the same tensor twice', 'E_GGUF_DUPLICATE_TENSOR', tensors({}, {})],
  ['a NUL in a name', 'E_GGUF_TENSOR_NAME', tensors({ name: 'a\0b' })],
  ['5 dimensions', 'E_GGUF_DIMENSIONS', tensors({ shape: [1, 1, 1, 1, 4] })],
  ['2^32 - 1 dimensions', 'E_GGUF_DIMENSIONS', tensors({ dimensions: 2 ** 32 - 1 })],
  ['a dimension of 2^64 - 1', 'E_GGUF_SIZE_OVERFLOW', tensors({ shape: [huge] })],
  ['dimensions whose product wraps to 0', 'E_GGUF_SIZE_OVERFLOW', tensors({ shape: [2n ** 32n, 2n ** 32n] })],
  ['the same beside a dimension of 0', 'E_GGUF_SIZE_OVERFLOW', tensors({ shape: [2n ** 32n, 0, 2n ** 32n] })],
  ['bytes beyond 2^53', 'E_GGUF_SIZE_OVERFLOW', tensors({ shape: [2n ** 51n + 4n] })],
  ['a row that is no multiple of a block', 'E_GGUF_ROW_LENGTH', tensors({ type: 8, shape: [33] })],
  ['an offset of 2^64 - 1', 'E_GGUF_TENSOR_PAST_END', tensors({ offset: huge })],
  ['an offset that padding takes past 2^64', 'E_GGUF_TENSOR_PAST_END', tensors({ offset: huge - 31n })],
  ['an end past the file', 'E_GGUF_TENSOR_PAST_END', tensors({ offset: 32n })],
  ['one element too many', 'E_GGUF_TENSOR_PAST_END', tensors({ shape: [5] })],
  ['an unaligned offset', 'E_GGUF_UNALIGNED', tensors({ offset: 8n, data: new Uint8Array(64) })],
  ['two tensors in one place', 'E_GGUF_OVERLAP', tensors({}, { name: 'u', offset: 0n })],
  [
    'one inside another',
    'E_GGUF_OVERLAP',
    tensors({ shape: [16], data: new Uint8Array(64) }, { name: 'u', offset: 32n }),
  ],
];

describe('parseGgufHeader', () => {
  it('reads keys of every type', () => {
    const given: GgufKey[] = [
      { key: 'a', type: 'u8', value: 255 },
      { key: 'b', type: 'i8', value: -128 },
      { key: 'c', type: 'u16', value: 65535 },
      { key: 'd', type: 'i16', value: -32768 },
      { key: 'e', type: 'i32', value: -5 },
      { key: 'f', type: 'f32', value: 0.5 },
      { key: 'g', type: 'f64', value: 0.1 },
      { key: 'h', type: 'bool', value: true },
      { key: '__proto__', type: 'string', value: '\ufeffñ' },
      { key: 'i', type: 'u64', value: 2n ** 53n + 1n },
      { key: 'j', type: 'i64', value: -7n },
      { key: 'k', type: 'array', value: ['x', ''], of: 'string' },
      { key: 'l', type: 'array', value: [], of: 'array' },
    ];
    const { metadata } = parse(buildGguf({ keys: given, tensors: [] }));
    const expected = given.map(({ key: name, value }) => [name, value === -7n ? -7 : value]);
    expect([...metadata].map(([name, { value }]) => [name, value])).toEqual(expected);
  });

  it('lists tensors in the order of rows and columns, those of unknown types too', () => {
    const {
      tensors: found,
      dataStart,
      version,
    } = parse(
      tensors(
        { name: 'w', shape: [2, 32], type: 8, data: new Uint8Array(68) },
        { name: 'empty', shape: [0, 32], type: 8, data: new Uint8Array(0) },
        { name: 'scalar', shape: [], data: new Uint8Array(4) },
        { name: 'new', shape: [3], type: 99, data: new Uint8Array(4) },
        { name: 'mx', shape: [32], type: 39, data: new Uint8Array(17) },
      ),
    );
    expect(version).toBe(3);
    expect(dataStart % 32).toBe(0);
    expect(found.map(({ name, typeName, shape, bytes, offset }) => [name, typeName, shape, bytes, offset])).toEqual([
      ['w', 'Q8_0', [2, 32], 68, 0],
      ['empty', 'Q8_0', [0, 32], 0, 96],
      ['scalar', 'F32', [], 4, 96],
      ['new', 'type 99', [3], 0, 128],
      ['mx', 'MXFP4', [32], 17, 160],
    ]);
  });

  it('reads version 2, and data of another alignment', () => {
    const alignment = { 'general.alignment': { key: 'general.alignment', type: 'u32', value: 128 } } as const;
    const { dataStart } = parse(buildGguf({ ...withKeys(alignment), version: 2, alignment: 128 }));
    expect(dataStart % 128).toBe(0);
  });

  it('takes a header longer than a chunk, and a string longer than one', () => {
    const texts = Array.from({ length: 30_000 }, (_, i) => `token ${i}`);
    const { metadata } = parse(
      keys({ type: 'array', value: texts, of: 'string' }, { key: 'l', type: 'string', value: 'x'.repeat(600_000) }),
    );
    expect(metadata.get('k')?.value).toEqual(texts);
    expect(metadata.get('l')?.value).toHaveLength(600_000);
  });

  it('takes lists inside one another up to the limit', () => {
    expect(parse(keys(nested(4))).metadata.get('k')?.value).toEqual([[[[]]]]);
  });

  it('reads no more than the header of a large file', () => {
    let read = 0;
    const bytes = plan({});
    const source = sourceOf(bytes, 2 ** 40);
    parseGgufHeader({
      ...source,
      readAt: (into, offset) => {
        read += into.byteLength;
        return source.readAt(into, offset);
      },
    });
    expect(read).toBeLessThan(2 ** 20);
  });

  it.each(attacks)('refuses %s', (_, code, bytes) => {
    expect(codeOf(bytes)).toBe(code);
  });

  it('refuses or reads a file cut off anywhere, or with any one byte changed, and never fails otherwise', () => {
    const whole = plan({});
    const header = parse(whole).dataStart;
    for (let length = 0; length < header; length++) expect(codeOf(whole.subarray(0, length))).not.toBe('none');
    fc.assert(
      fc.property(fc.nat(header - 1), fc.nat(255), (at, byte) => {
        const changed = whole.slice();
        changed[at] = byte;
        expect(codeOf(changed)).toMatch(/^(?:none|E_GGUF_\w+)$/);
      }),
      { numRuns: 2000 },
    );
  });
});
