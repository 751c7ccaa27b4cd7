import { closeFile, fileOperation, writeExactly, type FileSystem } from '../file-system.ts';
import type { WeightFile } from './output-files.ts';

interface Place {
  path: string;
  offset: number;
}

/** Fills weight files that are laid out at their full size, tensor by tensor, in any order. */
export class TensorWriter {
  readonly #fileSystem: FileSystem;
  readonly #places = new Map<string, Place>();
  readonly #unsynced = new Set<string>();

  /** @param pathOf where each file stands */
  constructor(fileSystem: FileSystem, files: readonly WeightFile[], pathOf: (file: WeightFile) => string) {
    this.#fileSystem = fileSystem;
    for (const file of files) {
      for (const [name, offset] of file.layout.offsets) this.#places.set(name, { path: pathOf(file), offset });
    }
  }

  /** Whether one of the files has a place for the tensor. */
  has(name: string): boolean {
    return this.#places.has(name);
  }

  /** @param byteOffset of `bytes` in the tensor */
  write(name: string, bytes: ArrayBufferView, byteOffset = 0): void {
    const place = this.#places.get(name);
    if (!place) throw new RangeError(`${name} has no place in the output`);
    const { path, offset } = place;
    const content = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#unsynced.add(path);
    this.#withFile(path, (fd) => {
      writeExactly(this.#fileSystem, fd, content, offset + byteOffset, path);
    });
  }

  /** Makes durable what was written. */
  sync(): void {
    for (const path of this.#unsynced) {
      this.#withFile(path, (fd) => {
        fileOperation(path, () => {
          this.#fileSystem.fsync(fd);
        });
      });
    }
    this.#unsynced.clear();
  }

  #withFile(path: string, use: (fd: number) => void): void {
    const fd = fileOperation(path, () => this.#fileSystem.open(path, 'modify'));
    try {
      use(fd);
    } finally {
      closeFile(this.#fileSystem, fd, path);
    }
  }
}
