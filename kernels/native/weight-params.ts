import { arrayOf, encode, handle, i32, text, typesOf, u32, u64, type Field, type Fields } from './field.ts';
import type { NativeHandle } from './handle.ts';

/** Where bytes are: in an array, or in a mapped file. */
export interface BytesParams {
  memory: ByteSource | null;
  file: NativeHandle<'file'> | null;
  offset: number;
  bytes: number;
}
type ByteSource = Int8Array | Uint8Array | Uint16Array | Float32Array;

export const noBytes: BytesParams = { memory: null, file: null, offset: 0, bytes: 0 };

/** All of an array; nothing where there is none. */
export function bytesOf(memory: ByteSource | undefined): BytesParams {
  return memory ? { memory, file: null, offset: 0, bytes: memory.byteLength } : noBytes;
}

function orNull<Value>(field: Field<Value>): Field<Value | null> {
  return { type: field.type, encode: (name, value) => (value === null ? null : field.encode(name, value)) };
}

const bytesFields: Fields<BytesParams> = {
  memory: orNull(arrayOf<ByteSource>(Int8Array, Uint8Array, Uint16Array, Float32Array)),
  file: orNull(handle('file')),
  offset: u64,
  bytes: u64,
};

/** Offset and size must lie inside the array; those in a file are checked by the library, which knows its size. */
const byteRange: Field<BytesParams> = {
  type: typesOf(bytesFields),
  encode: (name, value) => {
    const { memory, file, offset, bytes } = value;
    const limit = memory ? memory.byteLength : file ? Number.MAX_SAFE_INTEGER : 0;
    if (offset + bytes > limit) throw new RangeError(`${name}: ${bytes} bytes from ${offset} pass the end at ${limit}`);
    return encode(name, bytesFields, value);
  },
};

export interface OpenParams {
  /** One of the backend's instruction sets; null for the best. */
  isa: string | null;
  /** 0: one per physical core. Of the cpu backend. */
  threads: number;
  backend: string;
  /** Folder of the metal backend for what it finds out about a machine; null if nothing is to be kept. */
  cache: string | null;
}
export const openFields: Fields<OpenParams> = { isa: text, threads: i32, backend: text, cache: text };

export const weightKinds = { dense: 0, integer: 1, affine: 2 } as const;
/** How codes are stored: `CIDER_BYTES` and `CIDER_WORDS`. */
export const codeStorages = { bytes: 0, words: 1 } as const;
export const floatFormats = { F32: 0, F16: 1, BF16: 2 } as const;

export interface WeightParams {
  kind: number;
  dtype: number;
  bits: number;
  out_features: number;
  in_features: number;
  group_size: number;
  data: BytesParams;
  scales: BytesParams;
  biases: BytesParams;
  bias: BytesParams;
  storage: number;
}
export const weightFields: Fields<WeightParams> = {
  kind: i32,
  dtype: i32,
  bits: i32,
  out_features: u32,
  in_features: u32,
  group_size: u32,
  data: byteRange,
  scales: byteRange,
  biases: byteRange,
  bias: byteRange,
  storage: i32,
};
