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
import { openFile } from './open-file.ts';

/**
 * One open file that must stay as it is, read at given places through its handle; never mapped, never whole in memory.
 * Size and time of change are compared around every read: what changed since its header was checked is not what was
 * checked.
 */
export class SteadyFile {
  readonly path: string;
  /** Basename, as messages have it. */
  readonly name: string;
  readonly bytes: number;
  readonly mtimeMs: number;
  private readonly fileSystem: FileSystem;
  private readonly fd: number;

  /** @throws NotFoundError, ResourceError, InputError `E_NOT_A_FILE` */
  constructor(path: string, fileSystem: FileSystem = nodeFileSystem) {
    this.path = path;
    this.name = basename(path);
    this.fileSystem = fileSystem;
    this.fd = openFile(path, fileSystem);
    try {
      const { size, mtimeMs } = this.status();
      this.bytes = size;
      this.mtimeMs = mtimeMs;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Fills `into` from `offset`, counted from the start of the file, and returns it.
   *
   * @throws InputError `E_FILE_CHANGED`; ResourceError if the disk fails
   */
  readAt<Bytes extends Uint8Array>(into: Bytes, offset: number): Bytes {
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
