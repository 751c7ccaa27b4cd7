import { MAX_TENSORS } from '../header-entries.ts';
import { quoted } from '../quoted.ts';
import { failGguf } from './failure.ts';
import { HeaderReader, type HeaderSource } from './header-reader.ts';
import { MAGIC, MAX_ALIGNMENT, MAX_KEYS, VERSIONS } from './limits.ts';
import { LEAST_KEY_VALUE_BYTES, readMetadata, type TypedValue } from './metadata-value.ts';
import { LEAST_TENSOR_INFO_BYTES, readTensorInfos, type GgufTensor } from './tensor-infos.ts';

/** All of a GGUF file but its tensors' values. */
export interface GgufHeader {
  version: number;
  /** In the order of the file. */
  metadata: ReadonlyMap<string, TypedValue>;
  /** In the order of the file. */
  tensors: readonly GgufTensor[];
  /** Where the data begin, from the start of the file. */
  dataStart: number;
}

const ALIGNMENT_KEY = 'general.alignment';
const DEFAULT_ALIGNMENT = 32;

/**
 * Parses and checks the header of a GGUF file (format text: `docs/gguf.md` of ggml). Types of tensors that cannot be
 * read are listed like the others: whoever wants their values refuses them.
 *
 * @throws InputError `E_GGUF_*`
 */
export function parseGgufHeader(source: HeaderSource): GgufHeader {
  const reader = new HeaderReader(source);
  const version = readVersion(reader);
  reader.begin('the list of tensors');
  const tensorCount = reader.count(LEAST_TENSOR_INFO_BYTES, MAX_TENSORS, 'E_GGUF_TOO_MANY_TENSORS', 'tensors');
  reader.begin('the metadata');
  const keyCount = reader.count(LEAST_KEY_VALUE_BYTES, MAX_KEYS, 'E_GGUF_TOO_MANY_KEYS', 'keys');
  const metadata = readMetadata(reader, keyCount);
  const alignment = readAlignment(metadata, source.name);
  const tensors = readTensorInfos(reader, tensorCount);
  // Far below 2^53: the header has its limit, and so has the alignment.
  const dataStart = Math.ceil(reader.position / alignment) * alignment;
  checkPlaces(tensors, { alignment, dataStart, source });
  return { version, metadata, tensors, dataStart };
}

function readVersion(reader: HeaderReader): number {
  reader.begin('the start of the file');
  const magic = Buffer.from([reader.u8(), reader.u8(), reader.u8(), reader.u8()]).toString('latin1');
  if (magic !== MAGIC) reader.fail('E_GGUF_MAGIC', `the file starts with ${quoted(magic)} and not with "${MAGIC}"`);
  const version = reader.u32();
  if (VERSIONS.some((known) => known === version)) return version;
  if (version !== 0 && version % 0x10000 === 0) {
    reader.fail('E_GGUF_BIG_ENDIAN', 'the file is big-endian, and only little-endian GGUF is read');
  }
  return reader.fail('E_GGUF_VERSION', `GGUF version ${version} is not read; known: ${VERSIONS.join(', ')}`, {
    value: version,
  });
}

function readAlignment(metadata: ReadonlyMap<string, TypedValue>, file: string): number {
  const found = metadata.get(ALIGNMENT_KEY);
  if (!found) return DEFAULT_ALIGNMENT;
  const { type, value } = found;
  const isPowerOfTwo = typeof value === 'number' && value > 0 && (value & (value - 1)) === 0;
  if (type === 'u32' && isPowerOfTwo && value <= MAX_ALIGNMENT) return value;
  const shown = typeof value === 'number' ? `${type} ${value}` : type;
  return failGguf(
    file,
    'E_GGUF_ALIGNMENT',
    `${ALIGNMENT_KEY} is ${shown}; expected a power of two of type u32, up to ${MAX_ALIGNMENT}`,
    { key: ALIGNMENT_KEY, value: shown, limit: MAX_ALIGNMENT },
  );
}

interface Place {
  alignment: number;
  dataStart: number;
  source: HeaderSource;
}

/** That every tensor is aligned, inside the file, and shares no byte with another. */
function checkPlaces(tensors: readonly GgufTensor[], { alignment, dataStart, source }: Place): void {
  let end = 0;
  let before = '';
  for (const { name, offset, bytes } of tensors.toSorted((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    const tensor = quoted(name);
    const details = { tensor: name, value: offset };
    if (offset % alignment !== 0) {
      const message = `tensor ${tensor} begins at ${offset} of the data, which is no multiple of ${alignment}`;
      failGguf(source.name, 'E_GGUF_UNALIGNED', message, { ...details, limit: alignment });
    }
    if (bytes > 0 && offset < end) {
      const message = `tensor ${tensor} begins at ${offset} of the data, inside ${quoted(before)}, which ends at ${end}`;
      failGguf(source.name, 'E_GGUF_OVERLAP', message, { ...details, limit: end });
    }
    if (bytes > 0 && dataStart + offset + bytes > source.bytes) {
      failGguf(
        source.name,
        'E_GGUF_TENSOR_PAST_END',
        `tensor ${tensor} ends at ${dataStart + offset + bytes} of a file of ${source.bytes} bytes`,
        { ...details, bytes, limit: source.bytes },
        'the download may be incomplete; download the file again',
      );
    }
    if (bytes === 0) continue;
    end = offset + bytes;
    before = name;
  }
}
