import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** Where a worker is, for a supervisor that may find it dead or without end. */
export interface Position {
  index: number;
  /** Whether it is in what cider runs with limits of its own. */
  limited: boolean;
}

const RECORD_BYTES = 9;

/** Written before each case with one call that needs no event loop. */
export class ProgressFile {
  readonly #fd: number;
  readonly #record: Buffer = Buffer.alloc(RECORD_BYTES);

  constructor(path: string, mode: 'w' | 'r') {
    this.#fd = openSync(path, mode);
  }

  write({ index, limited }: Position): void {
    this.#record.writeDoubleLE(index);
    this.#record[8] = Number(limited);
    writeSync(this.#fd, this.#record, 0, RECORD_BYTES, 0);
  }

  /** Nothing before the first case. */
  read(): Position | undefined {
    const bytes = readSync(this.#fd, this.#record, 0, RECORD_BYTES, 0);
    if (bytes < RECORD_BYTES) return undefined;
    return { index: this.#record.readDoubleLE(0), limited: this.#record[8] === 1 };
  }

  close(): void {
    closeSync(this.#fd);
  }
}
