import { InputError, type ErrorDetails } from '../errors.ts';
import { dtypes, isDtype, type Dtype } from './dtypes.ts';
import { MAX_HEADER_BYTES, PREFIX_BYTES, parseRawHeader, type RawTensor } from './header-entries.ts';
import { quoted } from './quoted.ts';
import { tensorBytes } from './tensor-size.ts';

/*
 * A safetensors file is a u64 header length N, N bytes of JSON, and the tensors. The rules are those of the Rust reader,
 * one error code each; three that its specification states and it does not enforce (the JSON starts with "{", no key
 * occurs twice, nothing but spaces follows); and the limits of header-entries.ts.
 */

export interface HeaderTensor extends RawTensor {
  dtype: Dtype;
}

export interface SafetensorsHeader {
  metadata: ReadonlyMap<string, string>;
  tensors: readonly HeaderTensor[];
}

/**
 * Bytes of the JSON header.
 *
 * @param prefix the first 8 bytes of the file, or all of a shorter one
 * @throws InputError `E_HEADER_TOO_SMALL`, `E_HEADER_EMPTY`, `E_HEADER_TOO_LARGE`, `E_HEADER_PAST_EOF`
 */
export function headerLength(prefix: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < PREFIX_BYTES) {
    fail('E_HEADER_TOO_SMALL', `${file}: ${fileBytes} bytes are too small for a safetensors file`, { file, fileBytes });
  }
  // As BigInt, since a forged length may be up to 2^64 - 1.
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  const details = { file, headerBytes: length.toString(), limit: MAX_HEADER_BYTES };
  if (length < 2n) fail('E_HEADER_EMPTY', `${file}: a header of ${length} bytes holds nothing`, details);
  if (length > MAX_HEADER_BYTES) {
    fail(
      'E_HEADER_TOO_LARGE',
      `${file}: a header of ${length} bytes is over the limit of ${MAX_HEADER_BYTES}`,
      details,
    );
  }
  if (BigInt(PREFIX_BYTES) + length > fileBytes) {
    failTruncated(
      'E_HEADER_PAST_EOF',
      `${file}: a header of ${length} bytes does not fit in a file of ${fileBytes}`,
      details,
    );
  }
  return Number(length);
}

/**
 * The header with every rule of the format checked; tensors in the order of their bytes.
 *
 * @param bytes the JSON header
 * @param dataBytes what is left of the file after the header
 * @throws InputError as named at each rule
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file: string): SafetensorsHeader {
  const { metadata, tensors } = parseRawHeader(bytes, file);
  const known = tensors.map((tensor) => checkDtype(tensor, file));
  checkPlaces(known, dataBytes, file);
  for (const tensor of known) checkSize(tensor, file);
  return { metadata, tensors: known };
}

function checkDtype(tensor: RawTensor, file: string): HeaderTensor {
  const { name, dtype } = tensor;
  if (isDtype(dtype)) return { ...tensor, dtype };
  throw new InputError(`${file}: tensor ${quoted(name)} has the unknown dtype ${quoted(dtype)}`, {
    code: 'E_UNKNOWN_DTYPE',
    hint: `the dtypes of safetensors are ${dtypes.join(', ')}`,
    details: { file, tensor: name, dtype },
  });
}

/** Sorted by offset, tensors follow one another from the first byte of the data to the last of the file. */
function checkPlaces(tensors: readonly HeaderTensor[], dataBytes: number, file: string): void {
  let previousEnd = 0;
  for (const { name, begin, end } of tensors) {
    const where = `${file}: tensor ${quoted(name)} at data offsets ${begin} to ${end}`;
    const details = { file, tensor: name, begin, end, dataBytes };
    if (end < begin) fail('E_OFFSETS_REVERSED', `${where} ends before it begins`, details);
    if (end > dataBytes)
      failTruncated('E_OFFSET_PAST_EOF', `${where} goes past the end of the file at ${dataBytes}`, details);
    if (begin > previousEnd) fail('E_OFFSET_HOLE', `${where} leaves a hole after ${previousEnd}`, details);
    if (begin < previousEnd)
      fail('E_OFFSET_OVERLAP', `${where} overlaps the tensor that ends at ${previousEnd}`, details);
    previousEnd = end;
  }
  if (previousEnd < dataBytes) {
    const message = `${file}: ${dataBytes - previousEnd} bytes after the last tensor belong to none`;
    fail('E_TRAILING_BYTES', message, { file, dataBytes, end: previousEnd });
  }
}

function checkSize(tensor: HeaderTensor, file: string): void {
  const { name, dtype, shape, begin, end } = tensor;
  const bytes = tensorBytes(tensor, file);
  if (end - begin === bytes) return;
  fail(
    'E_SIZE_MISMATCH',
    `${file}: tensor ${quoted(name)} has ${end - begin} bytes, but ${dtype} [${shape.join(', ')}] takes ${bytes}`,
    { file, tensor: name, bytes: end - begin, expected: bytes },
  );
}

function fail(code: string, message: string, details: ErrorDetails): never {
  throw new InputError(message, { code, details });
}

function failTruncated(code: string, message: string, details: ErrorDetails): never {
  throw new InputError(message, {
    code,
    hint: 'the file is probably cut off: download it again (`hf cache verify` checks a cached model)',
    details,
  });
}
