import { InputError } from '../errors.ts';
import { dtypes } from './dtypes.ts';
import { MAX_HEADER_BYTES, PREFIX_BYTES } from './header-entries.ts';
import { compareBytes, compareNatural } from './name-order.ts';
import { tensorBytes, type TensorSpec } from './tensor-size.ts';

export type { TensorSpec };

/** The tensors begin at a multiple of it, so that any of them is aligned when the file is mapped. */
const DATA_ALIGNMENT = 8;

/** What transformers wants to see before it reads a file. */
const defaultMetadata: ReadonlyMap<string, string> = new Map([['format', 'pt']]);

/** A file in every byte but those of its tensors. */
export interface FileLayout {
  /** Length and JSON, padded with spaces: the start of the file. */
  header: Uint8Array;
  /** Where each tensor begins, from the start of the file; in the order of the bytes. */
  offsets: ReadonlyMap<string, number>;
  fileBytes: number;
}

/**
 * Lays out a safetensors file. The same tensors give the same bytes in whatever order they come: widest dtype first, so
 * that all are aligned, then by name, as the Rust writer does; metadata by key.
 *
 * @throws RangeError if a name occurs twice or is reserved; InputError `E_SIZE_OVERFLOW`, `E_SUB_BYTE_TAIL`,
 * `E_HEADER_TOO_LARGE`
 */
export function layoutFile(
  tensors: readonly TensorSpec[],
  metadata: ReadonlyMap<string, string> = defaultMetadata,
): FileLayout {
  const members: string[] = [];
  if (metadata.size > 0) members.push(member('__metadata__', serializeMetadata(metadata)));
  const begins = new Map<string, number>();
  let begin = 0;
  for (const tensor of [...tensors].sort(byAlignmentThenName)) {
    const { name, dtype, shape } = tensor;
    if (begins.has(name) || name === '__metadata__') throw new RangeError(`two tensors cannot be named ${name}`);
    const end = begin + tensorBytes(tensor, 'output');
    members.push(member(name, JSON.stringify({ dtype, shape, data_offsets: [begin, end] })));
    begins.set(name, begin);
    begin = end;
  }
  const header = withPrefix(`{${members.join(',')}}`);
  const offsets = new Map([...begins].map(([name, offset]) => [name, header.byteLength + offset]));
  return { header, offsets, fileBytes: header.byteLength + begin };
}

function byAlignmentThenName(a: TensorSpec, b: TensorSpec): number {
  return dtypes.indexOf(b.dtype) - dtypes.indexOf(a.dtype) || compareBytes(a.name, b.name);
}

function serializeMetadata(metadata: ReadonlyMap<string, string>): string {
  const sorted = [...metadata].sort(([a], [b]) => compareBytes(a, b));
  return `{${sorted.map(([key, text]) => member(key, JSON.stringify(text))).join(',')}}`;
}

/** Written by hand: as a property of an object, a name such as `__proto__` or `0` would be lost or moved. */
function member(key: string, value: string): string {
  return `${JSON.stringify(key)}:${value}`;
}

function withPrefix(text: string): Uint8Array {
  const json = new TextEncoder().encode(text);
  const padded = Math.ceil(json.byteLength / DATA_ALIGNMENT) * DATA_ALIGNMENT;
  if (padded > MAX_HEADER_BYTES) {
    throw new InputError(`a header of ${padded} bytes is over the limit of ${MAX_HEADER_BYTES}`, {
      code: 'E_HEADER_TOO_LARGE',
      hint: 'write smaller shards',
      details: { headerBytes: padded, limit: MAX_HEADER_BYTES },
    });
  }
  const header = new Uint8Array(PREFIX_BYTES + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, PREFIX_BYTES);
  return header;
}

/** Tensors that stay in one file, such as the codes and scales of a weight. Never empty. */
export type TensorGroup = readonly TensorSpec[];

export interface Shard<Group extends TensorGroup> {
  /** `model.safetensors`, or `model-00001-of-00003.safetensors`. */
  name: string;
  groups: readonly Group[];
}

/**
 * Distributes groups over files of at most `maxShardBytes` of tensors: in natural order of their first names, each into
 * the current file while it fits. A larger group has a file of its own.
 */
export function planShards<Group extends TensorGroup>(groups: readonly Group[], maxShardBytes: number): Shard<Group>[] {
  const files: Group[][] = [[]];
  let used = 0;
  for (const group of [...groups].sort((a, b) => compareNatural(a[0].name, b[0].name))) {
    const bytes = group.reduce((sum, tensor) => sum + tensorBytes(tensor, 'output'), 0);
    if (used > 0 && used + bytes > maxShardBytes) {
      files.push([]);
      used = 0;
    }
    files[files.length - 1].push(group);
    used += bytes;
  }
  return files.map((file, index) => ({ name: shardName(index, files.length), groups: file }));
}

function shardName(index: number, count: number): string {
  if (count === 1) return 'model.safetensors';
  const digits = (value: number): string => String(value).padStart(5, '0');
  return `model-${digits(index + 1)}-of-${digits(count)}.safetensors`;
}
