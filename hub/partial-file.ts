import { closeFile, fileOperation, isErrno, readExactly, writeExactly, type FileSystem } from '../quant/file-system.ts';
import { ResourceError } from '../quant/errors.ts';
import { ContentHasher, type Content } from './content-hash.ts';

/** Read back at a time when a download goes on. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/** A download under its temporary name: bytes are appended and hashed, and what an earlier run left counts. */
export class PartialFile {
  readonly path: string;
  readonly #fileSystem: FileSystem;
  readonly #content: Content;
  readonly #fd: number;
  #hasher: ContentHasher;
  #length = 0;

  private constructor(fileSystem: FileSystem, path: string, content: Content, fd: number) {
    this.path = path;
    this.#fileSystem = fileSystem;
    this.#content = content;
    this.#fd = fd;
    this.#hasher = new ContentHasher(content);
  }

  /** Opens or creates the file, and reads what it holds. @throws ResourceError; the reason of an abort */
  static async open(fileSystem: FileSystem, path: string, content: Content, signal: AbortSignal): Promise<PartialFile> {
    const file = new PartialFile(fileSystem, path, content, openOrCreate(fileSystem, path));
    try {
      await file.#readBack(signal);
      return file;
    } catch (error) {
      fileSystem.close(file.#fd);
      throw error;
    }
  }

  /** Bytes that are there. */
  get length(): number {
    return this.#length;
  }

  get isComplete(): boolean {
    return this.#length === this.#content.size;
  }

  /** Whether all bytes are there and are those that the hash stands for. To be asked once; then `restart` or `close`. */
  matches(): boolean {
    return this.isComplete && this.#hasher.digest() === this.#content.hash;
  }

  /** Appends; the caller sees that it does not become longer than the content. */
  append(bytes: Uint8Array): void {
    writeExactly(this.#fileSystem, this.#fd, bytes, this.#length, this.path);
    this.#hasher.update(bytes);
    this.#length += bytes.byteLength;
  }

  /** Drops what is there. */
  restart(): void {
    fileOperation(this.path, () => {
      this.#fileSystem.truncate(this.#fd, 0);
    });
    this.#hasher = new ContentHasher(this.#content);
    this.#length = 0;
  }

  /** Makes the bytes durable. */
  sync(): void {
    fileOperation(this.path, () => {
      this.#fileSystem.fsync(this.#fd);
    });
  }

  close(): void {
    closeFile(this.#fileSystem, this.#fd, this.path);
  }

  async #readBack(signal: AbortSignal): Promise<void> {
    const { size } = fileOperation(this.path, () => this.#fileSystem.status(this.#fd));
    if (size > this.#content.size) {
      this.restart();
      return;
    }
    const chunk = new Uint8Array(Math.min(size, CHUNK_BYTES));
    while (this.#length < size) {
      // Gigabytes may be there; other transfers and signals have their turn meanwhile.
      await new Promise(setImmediate);
      signal.throwIfAborted();
      const part = chunk.subarray(0, Math.min(chunk.byteLength, size - this.#length));
      if (!readExactly(this.#fileSystem, this.#fd, part, this.#length, this.path)) {
        this.restart();
        return;
      }
      this.#hasher.update(part);
      this.#length += part.byteLength;
    }
  }
}

function openOrCreate(fileSystem: FileSystem, path: string): number {
  try {
    return fileOperation(path, () => fileSystem.open(path, 'create'));
  } catch (error) {
    if (!(error instanceof ResourceError) || !isErrno(error.cause, 'EEXIST')) throw error;
    return fileOperation(path, () => fileSystem.open(path, 'modify'));
  }
}
