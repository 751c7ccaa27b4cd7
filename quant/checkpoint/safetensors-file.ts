import { basename } from 'node:path';
import { InputError } from '../errors.ts';
import {
  fileOperation,
  nodeFileSystem,
  readExactly,
  statusOf,
  type FileStatus,
  type FileSystem,
} from '../file-system.ts';
import { refuseForeignFormat } from './foreign-format.ts';
import { parseRawHeader, PREFIX_BYTES, type RawHeader } from './header-entries.ts';
import { openFile } from './open-file.ts';
import { headerLength, parseHeader, type SafetensorsHeader } from './safetensors-header.ts';

/**
 * One open safetensors file, read at given places through its handle; never mapped, never whole in memory. Size and
 * time of change are compared around every read: what changed since its header was checked is not what was checked.
 */
export class SafetensorsFile {
  readonly path: string;
  /** Basename, as messages have it. */
  readonly name: string;
  readonly bytes: number;
  readonly mtimeMs: number;
  /** Where the tensors begin. */
  readonly dataStart: number;
  private readonly fileSystem: FileSystem;
  private readonly fd: number;

  /** @throws NotFoundError, ResourceError, InputError `E_NOT_A_FILE`, `E_HEADER_*` and those of `refuseForeignFormat` */
  constructor(path: string, fileSystem: FileSystem = nodeFileSystem) {
    this.path = path;
    this.name = basename(path);
    this.fileSystem = fileSystem;
    this.fd = openFile(path, fileSystem);
    try {
      const { size, mtimeMs } = this.status();
      this.bytes = size;
      this.mtimeMs = mtimeMs;
      const prefix = this.readAt(new Uint8Array(Math.min(PREFIX_BYTES, this.bytes)), 0);
      refuseForeignFormat(prefix, this.name);
      this.dataStart = PREFIX_BYTES + headerLength(prefix, this.bytes, this.name);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** @throws InputError with the code of the rule that the header breaks */
  readHeader(): SafetensorsHeader {
    return parseHeader(this.readHeaderBytes(), this.bytes - this.dataStart, this.name);
  }

  /** The header without belief in dtypes, sizes and offsets, to show what a broken file says of itself. */
  readRawHeader(): RawHeader {
    return parseRawHeader(this.readHeaderBytes(), this.name);
  }

  /**
   * Fills `into` from `offset`, counted from the start of the file, and returns it.
   *
   * @throws InputError `E_FILE_CHANGED`; ResourceError if the disk fails
   */
  readAt(into: Uint8Array, offset: number): Uint8Array {
    this.compare(this.status());
    if (!readExactly(this.fileSystem, this.fd, into, offset, this.path)) this.failChanged('it ended early');
    this.compare(this.status());
    return into;
  }

  /** That whoever opens the path finds this file, as it was. @throws InputError `E_FILE_CHANGED` */
  checkUnchanged(): void {
    const found = statusOf(this.fileSystem, this.path);
    if (!found) this.failChanged('it was removed');
    this.compare(found);
  }

  close(): void {
    this.fileSystem.close(this.fd);
  }

  private readHeaderBytes(): Uint8Array {
    return this.readAt(new Uint8Array(this.dataStart - PREFIX_BYTES), PREFIX_BYTES);
  }

  private status(): FileStatus {
    return fileOperation(this.path, () => this.fileSystem.status(this.fd));
  }

  private compare({ size, mtimeMs }: FileStatus): void {
    if (size !== this.bytes) this.failChanged(`it had ${this.bytes} bytes and now has ${size}`);
    if (mtimeMs !== this.mtimeMs) this.failChanged('it was written to');
  }

  private failChanged(what: string): never {
    throw new InputError(`${this.name}: the file changed while it was read: ${what}`, {
      code: 'E_FILE_CHANGED',
      hint: 'wait until the download or the program that writes the file has finished, then try again',
      details: { file: this.name },
    });
  }
}
