/** GGUF's types of values by their numbers. */
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
export type GgufValueType = (typeof valueTypes)[number];

export interface GgufKey {
  key: string;
  type: GgufValueType;
  /** A list is an array of elements of `of`. */
  value: number | bigint | boolean | string | Uint8Array | readonly GgufElement[];
  of?: GgufValueType;
  /** In place of the number of `type`. */
  typeId?: number;
  /** In place of the length of a string or list. */
  length?: bigint;
  /** In place of the whole value, as it stands in the file. */
  raw?: Uint8Array;
}
export type GgufElement = number | bigint | boolean | string;

export interface GgufTensorPlan {
  name: string;
  /** The slowest dimension first, as elsewhere; the file has the reverse. */
  shape: readonly (number | bigint)[];
  /** ggml's number of the type. */
  type: number;
  data: Uint8Array;
  /** In place of where the data are put. */
  offset?: bigint;
  /** In place of the number of dimensions. */
  dimensions?: number;
}

/** A GGUF file, right or wrong: what is not given is as it should be. */
export interface GgufPlan {
  magic?: string;
  version?: number;
  tensorCount?: bigint;
  keyCount?: bigint;
  keys: readonly GgufKey[];
  tensors: readonly GgufTensorPlan[];
  /** Of the data; the key `general.alignment` is the caller's. Default 32. */
  alignment?: number;
}

/** Little-endian values one after the other. */
class ByteWriter {
  private readonly parts: Buffer[] = [];
  length = 0;

  bytes(part: Uint8Array): void {
    this.parts.push(Buffer.from(part));
    this.length += part.byteLength;
  }

  u32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    this.bytes(part);
  }

  u64(value: bigint): void {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(value);
    this.bytes(part);
  }

  string(text: string | Uint8Array, length?: bigint): void {
    const bytes = Buffer.from(text);
    this.u64(length ?? BigInt(bytes.length));
    this.bytes(bytes);
  }

  number(type: GgufValueType, value: number | bigint): void {
    const part = Buffer.alloc(8);
    const write = {
      u8: () => part.writeUInt8(Number(value)),
      i8: () => part.writeInt8(Number(value)),
      u16: () => part.writeUInt16LE(Number(value)),
      i16: () => part.writeInt16LE(Number(value)),
      u32: () => part.writeUInt32LE(Number(value)),
      i32: () => part.writeInt32LE(Number(value)),
      f32: () => part.writeFloatLE(Number(value)),
      bool: () => part.writeUInt8(Number(value)),
      string: () => 0,
      array: () => 0,
      u64: () => part.writeBigUInt64LE(BigInt(value)),
      i64: () => part.writeBigInt64LE(BigInt(value)),
      f64: () => part.writeDoubleLE(Number(value)),
    };
    this.bytes(part.subarray(0, write[type]()));
  }

  pad(alignment: number): void {
    this.bytes(Buffer.alloc((alignment - (this.length % alignment)) % alignment));
  }

  finish(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.parts));
  }
}

/** Lays a plan out as bytes. */
export function buildGguf(plan: GgufPlan): Uint8Array {
  const { keys, tensors, alignment = 32 } = plan;
  const writer = new ByteWriter();
  writer.bytes(Buffer.from(plan.magic ?? 'GGUF', 'latin1'));
  writer.u32(plan.version ?? 3);
  writer.u64(plan.tensorCount ?? BigInt(tensors.length));
  writer.u64(plan.keyCount ?? BigInt(keys.length));
  for (const key of keys) writeKey(writer, key);
  let end = 0;
  for (const { name, shape, type, data, offset, dimensions } of tensors) {
    writer.string(name);
    writer.u32(dimensions ?? shape.length);
    for (const length of shape.toReversed()) writer.u64(BigInt(length));
    writer.u32(type);
    writer.u64(offset ?? BigInt(end));
    end += Math.ceil(data.byteLength / alignment) * alignment;
  }
  for (const { data } of tensors) {
    writer.pad(alignment);
    writer.bytes(data);
  }
  return writer.finish();
}

function writeKey(writer: ByteWriter, { key, type, value, of = 'u32', typeId, length, raw }: GgufKey): void {
  writer.string(key);
  writer.u32(typeId ?? valueTypes.indexOf(type));
  if (raw) writer.bytes(raw);
  else if (typeof value === 'string' || value instanceof Uint8Array) writer.string(value, length);
  else if (typeof value === 'object') {
    writer.u32(valueTypes.indexOf(of));
    writer.u64(length ?? BigInt(value.length));
    for (const element of value) {
      if (typeof element === 'string') writer.string(element);
      else writer.number(of, Number(element));
    }
  } else writer.number(type, typeof value === 'boolean' ? Number(value) : value);
}

const u32 = (key: string, value: number): GgufKey => ({ key, type: 'u32', value });

/** Keys of a Llama of one layer and a vocabulary of 8, without a tokenizer. */
const tinyGgufKeys: readonly GgufKey[] = [
  { key: 'general.architecture', type: 'string', value: 'llama' },
  u32('llama.context_length', 64),
  u32('llama.embedding_length', 32),
  u32('llama.block_count', 1),
  u32('llama.feed_forward_length', 64),
  u32('llama.attention.head_count', 4),
  u32('llama.attention.head_count_kv', 2),
  { key: 'llama.attention.layer_norm_rms_epsilon', type: 'f32', value: 1e-5 },
  { key: 'llama.rope.freq_base', type: 'f32', value: 10_000 },
];

/** ggml's numbers of types, with the bytes of 32 elements. */
const ggmlTypes = {
  F32: { id: 0, bytes: 128 },
  Q8_0: { id: 8, bytes: 34 },
  Q4_0: { id: 2, bytes: 18 },
} as const;

/** A tensor of bytes that depend on nothing but their place, and are sound as f16 scales, as f32 and as codes. */
export function tinyGgufTensor(
  name: string,
  shape: readonly number[],
  type: keyof typeof ggmlTypes = 'F32',
): GgufTensorPlan {
  const { id, bytes } = ggmlTypes[type];
  const elements = shape.reduce((product, length) => product * length, 1);
  const data = Uint8Array.from({ length: (elements / 32) * bytes }, (_, i) => 0x20 + ((i * 7) % 23));
  return { name, shape, type: id, data };
}

/** Tensors of the same model; its head is its embedding. */
export const tinyGgufTensors: readonly GgufTensorPlan[] = [
  tinyGgufTensor('token_embd.weight', [8, 32], 'Q8_0'),
  tinyGgufTensor('blk.0.attn_norm.weight', [32]),
  tinyGgufTensor('blk.0.attn_q.weight', [32, 32], 'Q4_0'),
  tinyGgufTensor('blk.0.attn_k.weight', [16, 32], 'Q4_0'),
  tinyGgufTensor('blk.0.attn_v.weight', [16, 32]),
  tinyGgufTensor('blk.0.attn_output.weight', [32, 32], 'Q8_0'),
  tinyGgufTensor('blk.0.ffn_norm.weight', [32]),
  tinyGgufTensor('blk.0.ffn_gate.weight', [64, 32], 'Q4_0'),
  tinyGgufTensor('blk.0.ffn_up.weight', [64, 32], 'Q4_0'),
  tinyGgufTensor('blk.0.ffn_down.weight', [32, 64], 'Q8_0'),
  tinyGgufTensor('output_norm.weight', [32]),
];

export const tinyGguf: GgufPlan = { keys: tinyGgufKeys, tensors: tinyGgufTensors };

/** The tiny model with some keys changed, added or (undefined) left out. */
export function withKeys(changes: Readonly<Record<string, GgufKey | undefined>>, plan: GgufPlan = tinyGguf): GgufPlan {
  const kept = plan.keys.filter(({ key }) => !Object.hasOwn(changes, key));
  return { ...plan, keys: [...kept, ...Object.values(changes).flatMap((key) => key ?? [])] };
}
