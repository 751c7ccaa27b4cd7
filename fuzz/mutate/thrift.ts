/**
 * Thrift's compact protocol, as Parquet writes its headers, as a tree that can be changed and written again.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export type Value =
  | { kind: 'boolean'; value: boolean }
  | { kind: 'integer'; type: number; value: bigint }
  | { kind: 'bytes'; type: number; bytes: Uint8Array }
  | { kind: 'list'; type: number; item: number; length: number; items: Value[] }
  | { kind: 'struct'; fields: Field[] };

export interface Field {
  id: number;
  value: Value;
}

const TRUE = 1;
const FALSE = 2;
const BYTE = 3;
const DOUBLE = 7;
const BINARY = 8;
const LIST = 9;
const SET = 10;
const STRUCT = 12;

/** Reads a struct that is known to be sound; `end` is where it ended. */
export function readStruct(bytes: Uint8Array, start: number): { value: Value; end: number } {
  let at = start;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const zigzag = (): bigint => {
    const value = varint();
    return (value >> 1n) ^ -(value & 1n);
  };
  const take = (length: number): Uint8Array => bytes.subarray(at, (at += length));
  const read = (type: number): Value => {
    switch (type) {
      case TRUE:
      case FALSE:
        return { kind: 'boolean', value: type === TRUE };
      case BYTE:
        return { kind: 'bytes', type, bytes: take(1) };
      case DOUBLE:
        return { kind: 'bytes', type, bytes: take(8) };
      case BINARY:
        return { kind: 'bytes', type, bytes: take(Number(varint())) };
      case LIST:
      case SET: {
        const head = bytes[at++];
        const length = head >> 4 === 15 ? Number(varint()) : head >> 4;
        const items = Array.from({ length }, () => read(head & 15));
        return { kind: 'list', type, item: head & 15, length, items };
      }
      case STRUCT:
        return struct();
      default:
        return { kind: 'integer', type, value: zigzag() };
    }
  };
  const struct = (): Value => {
    const fields: Field[] = [];
    let id = 0;
    for (;;) {
      const head = bytes[at++];
      if (head === 0) return { kind: 'struct', fields };
      id = head >> 4 === 0 ? Number(zigzag()) : id + (head >> 4);
      fields.push({ id, value: read(head & 15) });
    }
  };
  return { value: struct(), end: at };
}

/** The bytes of a value; a list says that it has `length` items, whatever it has. */
export function writeValue(value: Value): Uint8Array {
  switch (value.kind) {
    case 'boolean':
      return new Uint8Array(0);
    case 'integer':
      return varint(value.value < 0n ? -2n * value.value - 1n : 2n * value.value);
    case 'bytes':
      return value.type === BINARY ? Buffer.concat([varint(BigInt(value.bytes.length)), value.bytes]) : value.bytes;
    case 'list': {
      const { length, item, items } = value;
      const head =
        length < 15
          ? Uint8Array.of((length << 4) | item)
          : Buffer.concat([[0xf0 | item], varint(BigInt(length))].map((each) => Uint8Array.from(each)));
      return Buffer.concat([head, ...items.map(writeValue)]);
    }
    case 'struct': {
      let last = 0;
      const parts = value.fields.map(({ id, value: each }) => {
        const delta = id - last;
        last = id;
        const isShort = delta > 0 && delta < 16;
        const head = isShort
          ? Uint8Array.of((delta << 4) | typeOf(each))
          : Buffer.concat([Uint8Array.of(typeOf(each)), varint(BigInt(id < 0 ? -2 * id - 1 : 2 * id))]);
        return Buffer.concat([head, writeValue(each)]);
      });
      return Buffer.concat([...parts, Uint8Array.of(0)]);
    }
  }
}

function typeOf(value: Value): number {
  if (value.kind === 'boolean') return value.value ? TRUE : FALSE;
  return value.kind === 'struct' ? STRUCT : value.type;
}

export function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
}

export function copyOf(value: Value): Value {
  switch (value.kind) {
    case 'list':
      return { ...value, items: value.items.map(copyOf) };
    case 'struct':
      return { kind: 'struct', fields: value.fields.map(({ id, value: each }) => ({ id, value: copyOf(each) })) };
    case 'boolean':
    case 'integer':
    case 'bytes':
      return { ...value };
  }
}
