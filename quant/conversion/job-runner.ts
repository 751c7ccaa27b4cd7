import { createHash } from 'node:crypto';
import type { ReadCodes } from '../checkpoint/stored-model.ts';
import { InputError } from '../errors.ts';
import { closeFile, fileOperation, readExactly, writeExactly, type FileSystem } from '../file-system.ts';
import { quantizeAffine } from '../schemes/quantize-affine.ts';
import { quantizeRows } from '../schemes/quantize-rows.ts';
import { groupsPerRow, NonFiniteWeightError, type FloatRows, type WeightScheme } from '../schemes/scheme.ts';
import { outputFormats } from './formats/output-formats.ts';
import type { CopyJob, Job, JobResult, QuantizeJob, SealJob, SourceRange } from './job.ts';
import type { RowQuantizer } from './quantizer.ts';

/** Jobs come file by file, so that a few open files suffice however many shards a checkpoint has. */
const MAX_OPEN_FILES = 8;

/** Hashing reads back in pieces of this size. */
const HASH_CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * Runs one job after the other in this thread; a few files stay open between jobs. Weights, codes and
 * scales are in shared memory, so that another thread can quantize them.
 */
export class JobRunner {
  readonly #fileSystem: FileSystem;
  readonly #quantizeRows: RowQuantizer;
  readonly #sources = new Map<string, number>();
  readonly #targets = new Map<string, number>();
  #input = new SharedArrayBuffer(0);
  #codes = new Int8Array(new SharedArrayBuffer(0));
  #scales = new Float32Array(new SharedArrayBuffer(0));

  constructor(fileSystem: FileSystem, quantizer: RowQuantizer = quantizeRows) {
    this.#fileSystem = fileSystem;
    this.#quantizeRows = quantizer;
  }

  run(job: Job): JobResult {
    switch (job.kind) {
      case 'copy':
        this.#copy(job);
        return {};
      case 'quantize':
        this.#quantize(job);
        return {};
      case 'seal':
        return { sha256: this.#seal(job) };
    }
  }

  close(): void {
    for (const files of [this.#sources, this.#targets]) {
      for (const [path, fd] of files) this.#close(files, path, fd);
    }
  }

  #copy(job: CopyJob): void {
    this.#write(job.target.path, this.#read(job.source, job.label), job.target.offset);
  }

  #quantize(job: QuantizeJob): void {
    const { rows, columns, scheme, storage, target } = job;
    const source = floatRows(job, this.#read(job.source, job.label));
    const format = outputFormats[job.format];
    let codes: ReadCodes;
    try {
      codes =
        format.rule(scheme) === 'affine'
          ? { kind: 'affine', ...quantizeAffine(source, scheme.bits, scheme.groupSize) }
          : this.#symmetricCodes(source, scheme);
    } catch (error) {
      throw error instanceof NonFiniteWeightError ? nonFiniteWeight(job, error) : error;
    }
    const settled = format.settle(codes, scheme.bits, storage.scaleDtype);
    const module = job.label.slice(0, -'.weight'.length);
    for (const [index, part] of format.encode(settled, { ...storage, module, rows, columns }).entries()) {
      this.#write(target.path, bytesOf(part), target.offsets[index]);
    }
  }

  /** Valid until the next call. */
  #symmetricCodes(source: FloatRows, scheme: WeightScheme): ReadCodes {
    const { rows, columns } = source;
    const codeCount = rows * columns;
    const scaleCount = rows * groupsPerRow(columns, scheme.groupSize);
    if (this.#codes.length < codeCount) this.#codes = new Int8Array(new SharedArrayBuffer(codeCount));
    if (this.#scales.length < scaleCount) {
      this.#scales = new Float32Array(new SharedArrayBuffer(scaleCount * Float32Array.BYTES_PER_ELEMENT));
    }
    const codes = this.#codes.subarray(0, codeCount);
    const scales = this.#scales.subarray(0, scaleCount);
    this.#quantizeRows(source, scheme, codes, scales);
    return { kind: 'symmetric', codes, scales };
  }

  /** Durable first, then the hash, so that the hash speaks of what the disk took. */
  #seal(job: SealJob): string {
    const fd = this.#target(job.path);
    fileOperation(job.path, () => {
      this.#fileSystem.fsync(fd);
    });
    const hash = createHash('sha256');
    const size = fileOperation(job.path, () => this.#fileSystem.status(fd)).size;
    const chunk = new Uint8Array(Math.min(HASH_CHUNK_BYTES, size));
    for (let position = 0; position < size; position += chunk.length) {
      const piece = chunk.subarray(0, Math.min(chunk.length, size - position));
      if (!readExactly(this.#fileSystem, fd, piece, position, job.path)) throw changed(job.path, undefined);
      hash.update(piece);
    }
    this.#close(this.#targets, job.path, fd);
    return hash.digest('hex');
  }

  /** The bytes of a range, valid until the next read. */
  #read(source: SourceRange, tensor: string): Uint8Array<SharedArrayBuffer> {
    const fd = this.#open(this.#sources, source.path, 'read');
    if (this.#input.byteLength < source.bytes) this.#input = new SharedArrayBuffer(source.bytes);
    const bytes = new Uint8Array(this.#input, 0, source.bytes);
    if (!readExactly(this.#fileSystem, fd, bytes, source.offset, source.path)) throw changed(source.path, tensor);
    const status = fileOperation(source.path, () => this.#fileSystem.status(fd));
    if (status.size !== source.fileBytes || status.mtimeMs !== source.fileMtimeMs) throw changed(source.path, tensor);
    return bytes;
  }

  #write(path: string, bytes: Uint8Array, position: number): void {
    writeExactly(this.#fileSystem, this.#target(path), bytes, position, path);
  }

  #target(path: string): number {
    return this.#open(this.#targets, path, 'modify');
  }

  #close(files: Map<string, number>, path: string, fd: number): void {
    files.delete(path);
    closeFile(this.#fileSystem, fd, path);
  }

  #open(files: Map<string, number>, path: string, mode: 'read' | 'modify'): number {
    const known = files.get(path);
    if (known !== undefined) return known;
    for (const [oldest, oldestFd] of files) {
      if (files.size < MAX_OPEN_FILES) break;
      this.#close(files, oldest, oldestFd);
    }
    const fd = fileOperation(path, () => this.#fileSystem.open(path, mode));
    files.set(path, fd);
    return fd;
  }
}

/** A view of the bytes; they begin at the start of their buffer, so that every element is aligned. */
function floatRows({ dtype, rows, columns }: QuantizeJob, bytes: Uint8Array<SharedArrayBuffer>): FloatRows {
  const { buffer, byteOffset } = bytes;
  const length = rows * columns;
  const data =
    dtype === 'F32' ? new Float32Array(buffer, byteOffset, length) : new Uint16Array(buffer, byteOffset, length);
  return { dtype, data, rows, columns };
}

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function nonFiniteWeight(job: QuantizeJob, error: NonFiniteWeightError): InputError {
  const index = `[${job.firstRow + error.row}, ${error.column}]`;
  return new InputError(`${job.source.path}: tensor "${job.label}" holds ${error.value} at ${index}`, {
    code: 'E_NON_FINITE_WEIGHT',
    hint: 'the checkpoint is damaged or its training diverged; no scale can represent such a weight',
    details: { file: job.source.path, tensor: job.label, index, value: String(error.value) },
    cause: error,
  });
}

function changed(path: string, tensor: string | undefined): InputError {
  const what = tensor === undefined ? 'while it was written' : `while tensor "${tensor}" was read`;
  return new InputError(`${path}: the file changed ${what}`, {
    code: 'E_FILE_CHANGED',
    hint: 'wait until whatever writes to this file is done, then start again',
    details: { file: path, tensor },
  });
}
