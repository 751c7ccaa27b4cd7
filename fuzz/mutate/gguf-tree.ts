import { ByteWriter } from './byte-writer.ts';

/** A GGUF file as what it is made of, for changing it and writing it again: ggml's docs/gguf.md. */
export interface GgufTree {
  version: number;
  metadata: { key: string; value: Value }[];
  tensors: Tensor[];
}

/** Types are the numbers of the format; those that nobody knows are written without a value. */
export type Value = { kind: 'number'; type: number; bits: bigint } | { kind: 'text'; text: string } | ArrayValue;

export interface ArrayValue {
  kind: 'array';
  /** Type of the items. */
  item: number;
  /** As the file says it. */
  length: bigint;
  items: Value[];
}

export interface Tensor {
  name: string;
  /** The fastest first, as in the file. */
  dimensions: bigint[];
  type: number;
  offset: bigint;
  data: Uint8Array;
}

const STRING = 8;
const ARRAY = 9;

/** Bytes of a value of each type, in the order of their numbers. */
const widths: readonly number[] = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

export const ALIGNMENT = 32;

export function typeOf(value: Value): number {
  if (value.kind === 'number') return value.type;
  return value.kind === 'text' ? STRING : ARRAY;
}

/** Reads a file that is known to be sound, with the usual alignment; data of a tensor end where the next one begins. */
export function readGguf(bytes: Uint8Array): GgufTree {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 4;
  const integer = (width: number): bigint => {
    const part = Buffer.alloc(8);
    buffer.copy(part, 0, at, (at += width));
    return part.readBigUInt64LE();
  };
  const text = (): string => {
    const length = Number(integer(8));
    return buffer.toString('utf8', at, (at += length));
  };
  const valueOf = (type: number): Value => {
    if (type === STRING) return { kind: 'text', text: text() };
    if (type !== ARRAY) return { kind: 'number', type, bits: integer(widths[type]) };
    const item = Number(integer(4));
    const length = integer(8);
    return { kind: 'array', item, length, items: Array.from({ length: Number(length) }, () => valueOf(item)) };
  };
  const version = Number(integer(4));
  const [tensorCount, keyCount] = [Number(integer(8)), Number(integer(8))];
  const metadata = Array.from({ length: keyCount }, () => ({ key: text(), value: valueOf(Number(integer(4))) }));
  const tensors = Array.from({ length: tensorCount }, (): Tensor => {
    const name = text();
    const dimensions = Array.from({ length: Number(integer(4)) }, () => integer(8));
    return { name, dimensions, type: Number(integer(4)), offset: integer(8), data: new Uint8Array(0) };
  });
  const dataStart = Math.ceil(at / ALIGNMENT) * ALIGNMENT;
  const ends = [...tensors.map(({ offset }) => Number(offset)), bytes.length - dataStart].sort((a, b) => a - b);
  for (const tensor of tensors) {
    const begin = Number(tensor.offset);
    const end = ends.find((each) => each > begin) ?? begin;
    tensor.data = bytes.subarray(dataStart + begin, dataStart + end);
  }
  return { version, metadata, tensors };
}

/** What the file says of itself that may be untrue. */
export interface Claims {
  tensors?: bigint;
  keys?: bigint;
}

/** The bytes of a file; data are written one after the other, wherever offsets say that they are. */
export function writeGguf({ version, metadata, tensors }: GgufTree, claims: Claims = {}): Uint8Array {
  const writer = new ByteWriter();
  writer.text('GGUF', false);
  writer.u32(version);
  writer.u64(claims.tensors ?? BigInt(tensors.length));
  writer.u64(claims.keys ?? BigInt(metadata.length));
  for (const { key, value } of metadata) {
    writer.text(key);
    writer.u32(typeOf(value));
    writeValue(writer, value);
  }
  for (const { name, dimensions, type, offset } of tensors) {
    writer.text(name);
    writer.u32(dimensions.length);
    for (const dimension of dimensions) writer.u64(dimension);
    writer.u32(type);
    writer.u64(offset);
  }
  const header = writer.bytes();
  const padding = new Uint8Array(-header.length & (ALIGNMENT - 1));
  return Buffer.concat([header, padding, ...tensors.map(({ data }) => data)]);
}

function writeValue(writer: ByteWriter, value: Value): void {
  if (value.kind === 'text') writer.text(value.text);
  else if (value.kind === 'number') writer.integer(value.bits, widths[value.type] ?? 0);
  else {
    writer.u32(value.item);
    writer.u64(value.length);
    for (const item of value.items) writeValue(writer, item);
  }
}

export function copyValue(value: Value): Value {
  return value.kind === 'array' ? { ...value, items: value.items.map(copyValue) } : { ...value };
}
