import { quoted } from '../quoted.ts';
import { valueOf, type HeaderReader } from './header-reader.ts';
import { MAX_ARRAY_DEPTH, MAX_ARRAY_ELEMENTS, MAX_KEY_BYTES, MAX_STRING_BYTES } from './limits.ts';

/** 64-bit integers beyond 2^53 - 1 stay bigints. */
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[];

/** A value and the name of its type, since 1.5 and 1 look alike in JavaScript. */
export interface TypedValue {
  type: ValueType;
  value: GgufValue;
}

const valueTypes = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const;
export type ValueType = (typeof valueTypes)[number];

/** The least that a value takes in the file: a string or an array can be empty. */
const leastBytes: Readonly<Record<ValueType, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  string: 8,
  array: 12,
  u64: 8,
  i64: 8,
  f64: 8,
};

/** Key, type and the shortest value. */
export const LEAST_KEY_VALUE_BYTES: number = 8 + 4 + 1;

/** Reads all key-value pairs. */
export function readMetadata(reader: HeaderReader, count: number): ReadonlyMap<string, TypedValue> {
  const metadata = new Map<string, TypedValue>();
  const budget = { elements: MAX_ARRAY_ELEMENTS };
  for (let i = 0; i < count; i++) {
    reader.begin(`key ${i} of ${count}`);
    const key = reader.string(MAX_KEY_BYTES);
    if (metadata.has(key)) reader.fail('E_GGUF_DUPLICATE_KEY', `the key ${quoted(key)} occurs twice`, { key });
    reader.begin(valueOf(key));
    const type = readType(reader, key);
    metadata.set(key, { type, value: readValue(reader, key, type, budget, 0) });
  }
  return metadata;
}

function readType(reader: HeaderReader, key: string): ValueType {
  const id = reader.u32();
  if (id < valueTypes.length) return valueTypes[id];
  return reader.fail(
    'E_GGUF_VALUE_TYPE',
    `the key ${quoted(key)} has type ${id}; known: 0 to ${valueTypes.length - 1}`,
    {
      key,
      value: id,
    },
  );
}

function readValue(
  reader: HeaderReader,
  key: string,
  type: ValueType,
  budget: { elements: number },
  depth: number,
): GgufValue {
  switch (type) {
    case 'u8':
      return reader.u8();
    case 'i8':
      return reader.i8();
    case 'u16':
      return reader.u16();
    case 'i16':
      return reader.i16();
    case 'u32':
      return reader.u32();
    case 'i32':
      return reader.i32();
    case 'f32':
      return reader.f32();
    case 'f64':
      return reader.f64();
    case 'u64':
      return safeNumber(reader.u64());
    case 'i64':
      return safeNumber(reader.i64());
    case 'string':
      return reader.string(MAX_STRING_BYTES);
    case 'bool':
      return readBoolean(reader, key);
    case 'array':
      return readArray(reader, key, budget, depth + 1);
  }
}

function readArray(reader: HeaderReader, key: string, budget: { elements: number }, depth: number): GgufValue[] {
  if (depth > MAX_ARRAY_DEPTH) {
    reader.fail('E_GGUF_ARRAY_DEPTH', `the arrays of ${quoted(key)} are nested deeper than ${MAX_ARRAY_DEPTH}`, {
      key,
      limit: MAX_ARRAY_DEPTH,
    });
  }
  const type = readType(reader, key);
  const count = reader.count(leastBytes[type], budget.elements, 'E_GGUF_ARRAY_LENGTH', 'elements');
  budget.elements -= count;
  const values: GgufValue[] = [];
  for (let i = 0; i < count; i++) values.push(readValue(reader, key, type, budget, depth));
  return values;
}

function readBoolean(reader: HeaderReader, key: string): boolean {
  const byte = reader.u8();
  if (byte > 1) reader.fail('E_GGUF_BOOL', `the key ${quoted(key)} has the boolean ${byte}; known: 0, 1`, { key });
  return byte === 1;
}

function safeNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
