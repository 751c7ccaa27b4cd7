import { InputError, type ErrorDetails } from '../errors.ts';
import { listed, quoted } from './quoted.ts';
import {
  isJsonArray,
  isJsonObject,
  parseJson,
  type JsonLimits,
  type JsonObject,
  type JsonValue,
} from './strict-json.ts';

/** The u64 length that stands before the JSON header. */
export const PREFIX_BYTES = 8;

/** The limit that the format itself sets, for readers and writers. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Real files hold a few thousand. 100 MB of header have room for 2 million, which would only cost time and memory. */
export const MAX_TENSORS = 200_000;

/** Real models use at most 5. */
export const MAX_DIMENSIONS = 8;

/** Real names stay below 200 bytes. */
export const MAX_NAME_BYTES = 4096;

/** Depth: header, entry, shape. Values: an entry takes at most 14 (itself, dtype, two arrays, eight dimensions, offsets). */
const headerLimits: JsonLimits = {
  maxBytes: MAX_HEADER_BYTES,
  maxDepth: 3,
  maxKeyBytes: MAX_NAME_BYTES,
  maxValues: 14 * MAX_TENSORS,
  numbers: 'integers',
};

/** What one header entry says, before anything about it is believed. */
export interface RawTensor {
  name: string;
  dtype: string;
  shape: readonly number[];
  /** Relative to the end of the header. */
  begin: number;
  end: number;
}

export interface RawHeader {
  metadata: ReadonlyMap<string, string>;
  tensors: readonly RawTensor[];
}

/**
 * The JSON header as it stands, sorted by offset: well-formed, but dtypes may be unknown, and sizes and offsets wrong.
 *
 * @throws InputError `E_HEADER_START`, `E_HEADER_PADDING`, `E_JSON_*`, `E_METADATA`, `E_TOO_MANY_TENSORS`, `E_TENSOR_NAME`,
 * `E_TENSOR_ENTRY`, `E_TOO_MANY_DIMENSIONS`, `E_SHAPE`, `E_OFFSETS`
 */
export function parseRawHeader(bytes: Uint8Array, file: string): RawHeader {
  const root = parseJson(withoutPadding(bytes, file), file, headerLimits) as JsonObject;
  const tensorCount = root.size - (root.has('__metadata__') ? 1 : 0);
  if (tensorCount > MAX_TENSORS) {
    fail('E_TOO_MANY_TENSORS', `${file}: ${tensorCount} tensors are over the limit of ${MAX_TENSORS}`, {
      file,
      tensorCount,
    });
  }
  let metadata: ReadonlyMap<string, string> = new Map();
  const tensors: RawTensor[] = [];
  for (const [name, entry] of root) {
    if (name === '__metadata__') metadata = parseMetadata(entry, file);
    else tensors.push(parseEntry(name, entry, file));
  }
  return { metadata, tensors: tensors.sort((a, b) => a.begin - b.begin || a.end - b.end) };
}

/** A document that starts with "{" and ends with "}" can only be an object; a parser would let other blanks pass. */
function withoutPadding(bytes: Uint8Array, file: string): Uint8Array {
  if (bytes[0] !== 0x7b) {
    fail('E_HEADER_START', `${file}: the header starts with byte ${bytes[0]} and not with "{"`, {
      file,
      byte: bytes[0],
    });
  }
  let end = bytes.length;
  while (bytes[end - 1] === 0x20) end--;
  if (bytes[end - 1] !== 0x7d) {
    const byte = bytes[end - 1];
    fail('E_HEADER_PADDING', `${file}: the header ends with byte ${byte}, where only spaces may follow "}"`, {
      file,
      byte,
    });
  }
  return bytes.subarray(0, end);
}

function parseMetadata(value: JsonValue, file: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  if (!isJsonObject(value)) fail('E_METADATA', `${file}: __metadata__ is not an object`, { file });
  for (const [key, text] of value) {
    if (typeof text !== 'string')
      fail('E_METADATA', `${file}: __metadata__ ${quoted(key)} is not a string`, { file, key });
    texts.set(key, text);
  }
  return texts;
}

function parseEntry(name: string, entry: JsonValue, file: string): RawTensor {
  const tensor = quoted(name);
  const details = { file, tensor: name };
  if (name.includes('\0')) fail('E_TENSOR_NAME', `${file}: the tensor name ${tensor} holds a NUL`, details);
  if (!isJsonObject(entry)) fail('E_TENSOR_ENTRY', `${file}: the entry of tensor ${tensor} is not an object`, details);
  const dtype = entry.get('dtype');
  const shape = entry.get('shape');
  const offsets = entry.get('data_offsets');
  if (typeof dtype !== 'string' || !isJsonArray(shape) || !isJsonArray(offsets) || entry.size !== 3) {
    const found = listed([...entry.keys()]);
    fail(
      'E_TENSOR_ENTRY',
      `${file}: the entry of tensor ${tensor} must be a "dtype" string and the arrays "shape" and "data_offsets"; it has ${found}`,
      details,
    );
  }
  if (shape.length > MAX_DIMENSIONS) {
    const message = `${file}: tensor ${tensor} has ${shape.length} dimensions, over the limit of ${MAX_DIMENSIONS}`;
    fail('E_TOO_MANY_DIMENSIONS', message, { ...details, dimensions: shape.length });
  }
  if (!shape.every(isCount)) {
    fail('E_SHAPE', `${file}: tensor ${tensor} has a shape that is not a list of sizes from 0 to 2^53 - 1`, details);
  }
  if (offsets.length !== 2 || !offsets.every(isCount)) {
    fail('E_OFFSETS', `${file}: the data_offsets of tensor ${tensor} are not two numbers from 0 to 2^53 - 1`, details);
  }
  return { name, dtype, shape, begin: offsets[0], end: offsets[1] };
}

/** The parser lets only safe integers through. */
function isCount(value: JsonValue): value is number {
  return typeof value === 'number' && value >= 0;
}

function fail(code: string, message: string, details: ErrorDetails): never {
  throw new InputError(message, { code, details });
}
