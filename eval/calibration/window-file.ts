import { createHash } from 'node:crypto';
import {
  closeFile,
  fileOperation,
  readExactly,
  removeFile,
  statusOf,
  writeExactly,
  type FileSystem,
} from '../../quant/file-system.ts';
import { ResourceError } from '../../quant/errors.ts';

/** Tokens before each window, and last those of all: where its rows are in a file. */
export type WindowStarts = readonly number[];

export function windowStarts(windows: readonly Int32Array[]): WindowStarts {
  const starts = [0];
  for (const { length } of windows) starts.push(starts[starts.length - 1] + length);
  return starts;
}

/**
 * Activations of all windows in a file, a row a token, so that memory holds those of one window. It is scratch: bytes
 * are in the order of this machine, and durable only after `sync`.
 */
export class WindowFile {
  readonly path: string;
  readonly #fileSystem: FileSystem;
  readonly #fd: number;
  readonly #starts: WindowStarts;
  #rows = new Float32Array(0);

  private constructor(fileSystem: FileSystem, path: string, fd: number, starts: WindowStarts) {
    this.path = path;
    this.#fileSystem = fileSystem;
    this.#fd = fd;
    this.#starts = starts;
  }

  /** Size of a file with rows for all windows. */
  static bytes(starts: WindowStarts, columns: number): number {
    return starts[starts.length - 1] * columns * Float32Array.BYTES_PER_ELEMENT;
  }

  /** A new file in the place of what an earlier run may have left. @throws ResourceError */
  static create(fileSystem: FileSystem, path: string, starts: WindowStarts): WindowFile {
    if (statusOf(fileSystem, path)) removeFile(fileSystem, path);
    const fd = fileOperation(path, () => fileSystem.open(path, 'create'));
    return new WindowFile(fileSystem, path, fd, starts);
  }

  /** A file that an earlier run wrote. @throws NotFoundError, ResourceError */
  static open(fileSystem: FileSystem, path: string, starts: WindowStarts): WindowFile {
    const fd = fileOperation(path, () => fileSystem.open(path, 'modify'));
    return new WindowFile(fileSystem, path, fd, starts);
  }

  /** Writes the rows of a window, `[tokens, columns]`; all windows of a file have as many columns. @throws ResourceError */
  write(window: number, columns: number, rows: Float32Array): void {
    const { offset, elements } = this.#place(window, columns);
    if (rows.length !== elements) throw new RangeError(`window ${window} has ${elements} values, not ${rows.length}`);
    writeExactly(this.#fileSystem, this.#fd, bytesOf(rows), offset, this.path);
  }

  /** The rows of a window that was written; the array is valid until the next call. @throws ResourceError */
  read(window: number, columns: number): Float32Array {
    const { offset, elements } = this.#place(window, columns);
    // New memory for every window would keep the garbage collector busy.
    if (this.#rows.length !== elements) this.#rows = new Float32Array(elements);
    const rows = this.#rows;
    if (readExactly(this.#fileSystem, this.#fd, bytesOf(rows), offset, this.path)) return rows;
    throw new ResourceError(`${this.path}: the file became shorter while it was in use`, {
      code: 'E_FILE_CHANGED',
      details: { file: this.path, window },
    });
  }

  /** Makes the content durable. @throws ResourceError */
  sync(): void {
    fileOperation(this.path, () => {
      this.#fileSystem.fsync(this.#fd);
    });
  }

  /** Of the rows of all windows, in hexadecimal. @throws ResourceError, also for a file that is too short */
  sha256(columns: number): string {
    const hash = createHash('sha256');
    for (let window = 0; window < this.#starts.length - 1; window++) hash.update(this.read(window, columns));
    return hash.digest('hex');
  }

  close(): void {
    closeFile(this.#fileSystem, this.#fd, this.path);
  }

  #place(window: number, columns: number): { offset: number; elements: number } {
    const [start, end] = [this.#starts[window], this.#starts[window + 1]];
    return { offset: start * columns * Float32Array.BYTES_PER_ELEMENT, elements: (end - start) * columns };
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
