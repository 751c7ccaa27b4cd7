import { isFloatFormat, widenInto } from '../../kernels/reference/float-formats.ts';
import { InputError } from '../errors.ts';
import { nodeFileSystem, type FileSystem } from '../file-system.ts';
import { checkFits } from './check-fits.ts';
import { findCheckpointFiles } from './checkpoint-files.ts';
import type { Dtype } from './dtypes.ts';
import { quoted } from './quoted.ts';
import { SafetensorsFile } from './safetensors-file.ts';
import { checkShardTensors, INDEX_NAME } from './shard-index.ts';
import { elementCount } from './tensor-size.ts';

export interface TensorEntry {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  bytes: number;
  /** Basename of the file that holds it. */
  file: string;
  /** From the start of the file. */
  offset: number;
}

export interface CheckpointFile {
  name: string;
  path: string;
  bytes: number;
  /** When it was last written to, in milliseconds since 1970: with `bytes`, what tells whether it changed. */
  mtimeMs: number;
  metadata: ReadonlyMap<string, string>;
}

/** Bytes read at a time on the way to f32: few calls, little memory beside the result. A multiple of every element. */
const CHUNK_BYTES = 16 * 1024 * 1024;

/** What of a checkpoint weights are read through. */
export type WeightSource = Pick<Checkpoint, 'files' | 'readBytes' | 'readFloats' | 'checkUnchanged'>;

/** A model's weights on disk: one safetensors file, or the shards that an index names. Nothing is read but headers. */
export class Checkpoint {
  readonly folder: string;
  readonly files: readonly CheckpointFile[];
  /** By name; in the order of the files' names, and of the bytes within each. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  private readonly open: Map<string, SafetensorsFile>;

  private constructor(
    folder: string,
    files: readonly CheckpointFile[],
    tensors: ReadonlyMap<string, TensorEntry>,
    open: Map<string, SafetensorsFile>,
  ) {
    this.folder = folder;
    this.files = files;
    this.tensors = tensors;
    this.open = open;
  }

  /**
   * Opens and checks every file; `close` ends it.
   *
   * @param path a folder, or one .safetensors file
   * @throws NotFoundError, ResourceError, or InputError with the code of the rule that is broken
   */
  static open(path: string, fileSystem: FileSystem = nodeFileSystem): Checkpoint {
    const { folder, paths, weightMap } = findCheckpointFiles(path, fileSystem);
    const open = new Map<string, SafetensorsFile>();
    try {
      const files: CheckpointFile[] = [];
      const entriesOf = new Map<string, TensorEntry[]>();
      for (const filePath of paths) {
        const file = new SafetensorsFile(filePath, fileSystem);
        open.set(file.name, file);
        const { metadata, tensors } = file.readHeader();
        files.push({ name: file.name, path: filePath, bytes: file.bytes, mtimeMs: file.mtimeMs, metadata });
        entriesOf.set(
          file.name,
          tensors.map(({ name, dtype, shape, begin, end }) => ({
            name,
            dtype,
            shape,
            bytes: end - begin,
            file: file.name,
            offset: file.dataStart + begin,
          })),
        );
      }
      const entries = [...entriesOf.values()].flat();
      if (weightMap) {
        const namesOf = new Map([...entriesOf].map(([file, tensors]) => [file, tensors.map(({ name }) => name)]));
        checkShardTensors(weightMap, namesOf, INDEX_NAME);
      }
      return new Checkpoint(folder, files, new Map(entries.map((entry) => [entry.name, entry])), open);
    } catch (error) {
      for (const file of open.values()) file.close();
      throw error;
    }
  }

  /**
   * Fills `into` with bytes of the tensor, from `byteOffset` on.
   *
   * @throws RangeError if they are not all inside the tensor; InputError `E_FILE_CHANGED`; ResourceError
   */
  readInto(entry: TensorEntry, into: Uint8Array, byteOffset = 0): void {
    const end = byteOffset + into.byteLength;
    if (!Number.isSafeInteger(byteOffset) || byteOffset < 0 || end > entry.bytes) {
      throw new RangeError(`bytes ${byteOffset} to ${end} are not inside ${entry.name} of ${entry.bytes} bytes`);
    }
    this.fileOf(entry.file).readAt(into, entry.offset + byteOffset);
  }

  /** All bytes of a tensor. @throws ResourceError `E_TENSOR_TOO_LARGE` over 4 GiB; as `readInto` */
  readBytes(entry: TensorEntry): Uint8Array {
    checkFits(entry, entry.bytes);
    const bytes = new Uint8Array(entry.bytes);
    this.readInto(entry, bytes);
    return bytes;
  }

  /**
   * All elements of a float tensor, widened to f32 (F64 is rounded).
   *
   * @throws InputError `E_NOT_FLOAT`; ResourceError `E_TENSOR_TOO_LARGE` over 4 GiB of f32; as `readInto`
   */
  readFloats(entry: TensorEntry): Float32Array {
    const { name, dtype, shape, bytes } = entry;
    if (!isFloatFormat(dtype)) {
      throw new InputError(`${entry.file}: tensor ${quoted(name)} is ${dtype} and holds no floats`, {
        code: 'E_NOT_FLOAT',
        details: { file: entry.file, tensor: name, dtype },
      });
    }
    const count = elementCount(shape);
    checkFits(entry, count * Float32Array.BYTES_PER_ELEMENT);
    const values = new Float32Array(count);
    if (dtype === 'F32') {
      this.readInto(entry, new Uint8Array(values.buffer));
      return values;
    }
    const chunk = new Uint8Array(Math.min(bytes, CHUNK_BYTES));
    for (let at = 0; at < bytes; at += CHUNK_BYTES) {
      const source = chunk.subarray(0, Math.min(CHUNK_BYTES, bytes - at));
      this.readInto(entry, source, at);
      const first = at / (bytes / count);
      widenInto(dtype, source, values.subarray(first, first + source.byteLength / (bytes / count)));
    }
    return values;
  }

  /**
   * For those who read a tensor by themselves: that its file is still what it was when it was opened.
   *
   * @throws InputError `E_FILE_CHANGED`
   */
  checkUnchanged({ file: name }: TensorEntry): void {
    this.fileOf(name).checkUnchanged();
  }

  /** The same for all files. @throws InputError `E_FILE_CHANGED` */
  checkFilesUnchanged(): void {
    for (const file of this.open.values()) file.checkUnchanged();
  }

  private fileOf(name: string): SafetensorsFile {
    const file = this.open.get(name);
    if (!file) throw new RangeError(`${name} is no open file of this checkpoint`);
    return file;
  }

  /** Closes the files; nothing can be read afterwards. */
  close(): void {
    for (const file of this.open.values()) file.close();
    this.open.clear();
  }
}
