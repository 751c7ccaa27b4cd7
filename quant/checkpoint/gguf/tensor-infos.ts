import { MAX_NAME_BYTES } from '../header-entries.ts';
import { quoted } from '../quoted.ts';
import type { HeaderReader } from './header-reader.ts';
import { MAX_DIMENSIONS } from './limits.ts';
import { tensorTypeOf, type TensorType } from './tensor-types.ts';

/** A tensor as the header lists it. */
export interface GgufTensor {
  name: string;
  /** Name of its type: `Q4_K`; `type 99` if nobody knows the number. */
  typeName: string;
  type: TensorType | undefined;
  /** As rows and columns are named elsewhere, the slowest first: the reverse of the file's order. */
  shape: readonly number[];
  /** From the start of the data, as the file has it. */
  offset: number;
  /** 0 for an unknown type. */
  bytes: number;
}

/** Name, number of dimensions, type, offset. */
export const LEAST_TENSOR_INFO_BYTES: number = 8 + 4 + 4 + 8;

/** Reads the list of tensors in the order of the file; where they are is not checked here. */
export function readTensorInfos(reader: HeaderReader, count: number): GgufTensor[] {
  const names = new Set<string>();
  const tensors: GgufTensor[] = [];
  for (let i = 0; i < count; i++) {
    reader.begin(`the name of tensor ${i} of ${count}`);
    const name = reader.string(MAX_NAME_BYTES);
    if (name.includes('\0')) reader.fail('E_GGUF_TENSOR_NAME', `the tensor name ${quoted(name)} holds a NUL`);
    if (names.has(name)) {
      reader.fail('E_GGUF_DUPLICATE_TENSOR', `the tensor ${quoted(name)} is listed twice`, { tensor: name });
    }
    names.add(name);
    tensors.push(readInfo(reader, name));
  }
  return tensors;
}

function readInfo(reader: HeaderReader, name: string): GgufTensor {
  const details = { tensor: name };
  reader.begin(`the entry of tensor ${quoted(name)}`);
  const dimensions = reader.u32();
  if (dimensions > MAX_DIMENSIONS) {
    reader.fail(
      'E_GGUF_DIMENSIONS',
      `tensor ${quoted(name)} has ${dimensions} dimensions, over the limit of ${MAX_DIMENSIONS}`,
      { ...details, value: dimensions, limit: MAX_DIMENSIONS },
    );
  }
  const lengths = Array.from({ length: dimensions }, () => reader.u64()).reverse();
  const id = reader.u32();
  const type = tensorTypeOf(id);
  const typeName = type?.name ?? `type ${id}`;
  const bytes = tensorBytes(reader, { name, typeName, type, lengths });
  const offset = reader.u64();
  if (offset > BigInt(reader.source.bytes)) {
    reader.fail(
      'E_GGUF_TENSOR_PAST_END',
      `tensor ${quoted(name)} begins ${offset} bytes into the data of a file of ${reader.source.bytes} bytes`,
      { ...details, value: String(offset) },
    );
  }
  return { name, typeName, type, shape: lengths.map(Number), offset: Number(offset), bytes };
}

interface Sizes {
  name: string;
  typeName: string;
  type: TensorType | undefined;
  lengths: readonly bigint[];
}

/**
 * The product is taken in bigints, and over the dimensions that are not zero, so that a shape is refused or not whatever
 * the order of its dimensions.
 */
function tensorBytes(reader: HeaderReader, { name, typeName, type, lengths }: Sizes): number {
  const shown = `tensor ${quoted(name)} (${typeName}) of shape [${lengths.join(', ')}]`;
  const { blockElements, blockBytes } = type ?? { blockElements: 1, blockBytes: 1 };
  const row = lengths.at(-1) ?? 1n;
  if (row % BigInt(blockElements) !== 0n) {
    reader.fail('E_GGUF_ROW_LENGTH', `${shown} has rows that are no multiple of its blocks of ${blockElements}`, {
      tensor: name,
      value: String(row),
      limit: blockElements,
    });
  }
  // A block of a type without blocks is an element.
  const product = lengths.reduce((all, length) => all * (length === 0n ? 1n : length), 1n);
  const total = (product * BigInt(blockBytes)) / BigInt(blockElements);
  if (product > Number.MAX_SAFE_INTEGER || total > Number.MAX_SAFE_INTEGER) {
    reader.fail('E_GGUF_SIZE_OVERFLOW', `${shown} would take ${total} bytes, more than 2^53 - 1`, { tensor: name });
  }
  return lengths.includes(0n) || type === undefined ? 0 : Number(total);
}
