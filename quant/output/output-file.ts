import { dirname } from 'node:path';
import { UsageError } from '../errors.ts';
import {
  closeFile,
  fileOperation,
  readExactly,
  removeFile,
  removeQuietly,
  statusOf,
  syncFolder,
  writeNewFile,
  type FileSystem,
} from '../file-system.ts';
import { parentFolder } from './parent-folder.ts';

export interface OutputFileOptions {
  /** Replace an earlier file of ours. */
  overwrite: boolean;
  /** ASCII that files of ours, and of nobody else, start with. */
  mark: string;
}

/** A file that is written at the end of long work, and checked at its start. */
export class OutputFile {
  readonly path: string;
  readonly #fileSystem: FileSystem;
  readonly #options: OutputFileOptions;

  private constructor(fileSystem: FileSystem, path: string, options: OutputFileOptions) {
    this.#fileSystem = fileSystem;
    this.path = path;
    this.#options = options;
  }

  /**
   * Checks that a file can be written at `path`; nothing stays behind.
   *
   * @throws UsageError `E_NO_PARENT_FOLDER`, `E_OUTPUT_EXISTS`; ResourceError, for instance `E_EACCES`
   */
  static claim(fileSystem: FileSystem, path: string, options: OutputFileOptions): OutputFile {
    parentFolder(fileSystem, path);
    const output = new OutputFile(fileSystem, path, options);
    output.#refuseExisting();
    const temporary = output.#create(new Uint8Array(0));
    removeQuietly(fileSystem, temporary);
    return output;
  }

  /** Writes the file under another name first, so that the final name never stands for half of it. @throws as `claim` */
  write(content: string): void {
    const temporary = this.#create(new TextEncoder().encode(content));
    try {
      this.#refuseExisting();
      fileOperation(this.path, () => {
        this.#fileSystem.rename(temporary, this.path);
      });
    } catch (error) {
      removeQuietly(this.#fileSystem, temporary);
      throw error;
    }
    syncFolder(this.#fileSystem, dirname(this.path));
  }

  #create(content: Uint8Array): string {
    const temporary = `${this.path}.cider-partial`;
    if (statusOf(this.#fileSystem, temporary)) removeFile(this.#fileSystem, temporary);
    writeNewFile(this.#fileSystem, temporary, content);
    return temporary;
  }

  #refuseExisting(): void {
    refuseExistingFile(this.#fileSystem, this.path, { ...this.#options, isOurs: () => this.#isOurs() });
  }

  #isOurs(): boolean {
    const mark = new TextEncoder().encode(this.#options.mark);
    const head = new Uint8Array(mark.length);
    const fd = fileOperation(this.path, () => this.#fileSystem.open(this.path, 'read'));
    try {
      return readExactly(this.#fileSystem, fd, head, 0, this.path) && head.every((byte, i) => byte === mark[i]);
    } finally {
      closeFile(this.#fileSystem, fd, this.path);
    }
  }
}

/**
 * Refuses a path where something stands, but for a file of ours that may be replaced.
 *
 * @throws UsageError `E_OUTPUT_EXISTS`
 */
export function refuseExistingFile(
  fileSystem: FileSystem,
  path: string,
  { overwrite, isOurs }: { overwrite: boolean; isOurs: () => boolean },
): void {
  const status = statusOf(fileSystem, path);
  if (status === undefined) return;
  const refuse = (message: string, hint: string): never => {
    throw new UsageError(`${path}: ${message}`, { code: 'E_OUTPUT_EXISTS', hint, details: { file: path } });
  };
  if (status.kind !== 'file') refuse('the output is not a file', 'choose another output');
  if (!overwrite) refuse('the output exists', 'choose another output, or add --overwrite to replace an earlier one');
  if (!isOurs()) refuse('cider did not write this file', 'remove it yourself, or choose another output');
}
