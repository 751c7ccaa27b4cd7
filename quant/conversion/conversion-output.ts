import { dirname, join } from 'node:path';
import { InputError, ResourceError } from '../errors.ts';
import { closeFile, fileOperation, statusOf, writeExactly, writeNewFile, type FileSystem } from '../file-system.ts';
import type { LockOwner } from '../output/lock.ts';
import { MANIFEST_NAME, serializeManifest, sha256, type ManifestFile } from '../output/manifest.ts';
import { OutputFolder } from '../output/output-folder.ts';
import type { JobExecutor } from './job.ts';
import type { OutputFile } from './output-files.ts';
import type { Conversion } from './prepare.ts';
import { fingerprintOf, recipeOf } from './recipe.ts';
import { readState, STATE_NAME, writeState, type Fingerprint } from './state.ts';

export interface OutputSettings {
  fileSystem: FileSystem;
  /** Folder to create. */
  output: string;
  executor: JobExecutor;
  owner: LockOwner;
  /** Version of this program, recorded in the output. */
  version: string;
  signal: AbortSignal;
  /** Replace an earlier output of ours. */
  overwrite: boolean;
  /** Take over what an unfinished run of the same conversion left. */
  resume: boolean;
  onNote: (text: string) => void;
}

/** What the output may not overlap: the folder that side files come from, too; a GGUF file stands for itself. */
const inputPath = ({ model: { checkpoint, path } }: Conversion): string => checkpoint?.folder ?? path;

/** Small files come on top of the sizes that are known: manifest, state, and what the file system needs for itself. */
const DISK_SLACK_BYTES = 4 * 1024 * 1024;

/**
 * The output of a conversion while it comes into being: it appears whole under its name or not at all. `produce` is the
 * whole course of it; the other methods are for whoever fills the files.
 */
export class ConversionOutput {
  readonly #conversion: Conversion;
  readonly #settings: OutputSettings;
  readonly #folder: OutputFolder;
  readonly #fingerprint: Fingerprint;
  #done: ManifestFile[] = [];
  #keeps = false;
  /** Whether the partial folder is ours: until then it is what an unfinished run left. */
  #hasBegun = false;

  private constructor(conversion: Conversion, settings: OutputSettings, folder: OutputFolder) {
    this.#conversion = conversion;
    this.#settings = settings;
    this.#folder = folder;
    this.#fingerprint = fingerprintOf(conversion, settings.version);
  }

  /**
   * Claims the output, has it filled, and gives it its name.
   *
   * @param fill completes every file of the conversion that is not done yet
   * @returns the files of the output, sorted by name
   * @throws UsageError for an output that may not be written; ResourceError for disk and locks; what `fill` throws
   */
  static async produce(
    conversion: Conversion,
    settings: OutputSettings,
    fill: (output: ConversionOutput) => Promise<void>,
  ): Promise<ManifestFile[]> {
    const { fileSystem, executor, signal } = settings;
    const folder = OutputFolder.claim(fileSystem, settings.output, inputPath(conversion), settings);
    const stop = (): void => void executor.close();
    signal.addEventListener('abort', stop);
    try {
      const output = new ConversionOutput(conversion, settings, folder);
      try {
        await fill(output);
        signal.throwIfAborted();
        const files = output.#writeDocuments();
        folder.commit();
        return files;
      } catch (error) {
        await executor.close();
        output.#leave(error);
        throw error;
      }
    } finally {
      signal.removeEventListener('abort', stop);
      folder.release();
    }
  }

  /** Where files stand until all are done. */
  get partialPath(): string {
    return this.#folder.partialPath;
  }

  /** What an unfinished run would have to share with this one to be gone on with. */
  get fingerprint(): Fingerprint {
    return this.#fingerprint;
  }

  /** Files of the conversion that nobody has completed yet. */
  get remaining(): readonly OutputFile[] {
    return this.#conversion.files.filter(({ name }) => !this.#done.some((file) => file.name === name));
  }

  /** Starts anew, or goes on from the files that an unfinished run completed; whatever else it left is removed. */
  begin(): void {
    this.#takeOver();
    this.#checkDiskSpace(0);
    if (this.#done.length > 0) this.#folder.keepOnly([STATE_NAME, ...this.#done.map(({ name }) => name)]);
    else this.#folder.begin();
    this.#hasBegun = true;
  }

  /**
   * The same for a filler that keeps a record of its own of what it did in the partial folder, beside the files that it
   * has not completed: all that an unfinished run left stays.
   *
   * @param scratchBytes that the filler needs in the partial folder beside the output
   * @returns whether an unfinished run left anything
   */
  beginKeeping(scratchBytes: number): boolean {
    this.#keeps = true;
    const found = this.#takeOver();
    this.#checkDiskSpace(scratchBytes);
    this.#hasBegun = true;
    if (found) return true;
    this.#folder.begin();
    this.#writeState();
    return false;
  }

  /** Whether an unfinished run laid the file out; one that it completed, but did not come to record, is opened again. */
  takeOverPart(file: OutputFile): boolean {
    const { fileSystem } = this.#settings;
    const part = this.partOf(file);
    const completed = join(this.partialPath, file.name);
    if (statusOf(fileSystem, completed)) {
      fileOperation(completed, () => {
        fileSystem.rename(completed, part);
      });
    }
    return statusOf(fileSystem, part)?.size === file.bytes;
  }

  /**
   * Creates a file at its full size with what is known of it, under another name. That is durable: a later run that finds
   * the file at its full size relies on its header.
   *
   * @returns its path
   */
  layOut(file: OutputFile): string {
    const { fileSystem } = this.#settings;
    const part = this.partOf(file);
    if (statusOf(fileSystem, part)) {
      fileOperation(part, () => {
        fileSystem.remove(part);
      });
    }
    const fd = fileOperation(part, () => fileSystem.open(part, 'create'));
    try {
      for (const { offset, bytes } of file.known) writeExactly(fileSystem, fd, bytes, offset, part);
      fileOperation(part, () => {
        fileSystem.truncate(fd, file.bytes);
      });
      fileOperation(part, () => {
        fileSystem.fsync(fd);
      });
    } finally {
      closeFile(fileSystem, fd, part);
    }
    return part;
  }

  /** Where a file stands until it is complete. */
  partOf({ name }: OutputFile): string {
    return `${join(this.partialPath, name)}.part`;
  }

  /** Lays a file out, lets the executor fill it, and seals it. */
  async fill(file: OutputFile, onProgress: (bytes: number, label: string) => void): Promise<void> {
    const part = this.layOut(file);
    await Promise.all(
      [...file.jobs(part)].map(async (job) => {
        await this.#settings.executor.run(job);
        onProgress(job.source.bytes, job.label);
      }),
    );
    await this.seal(file);
  }

  /** Makes a file that is complete durable, and gives it its name. */
  async seal(file: OutputFile): Promise<void> {
    const part = this.partOf(file);
    const { sha256: hash = '' } = await this.#settings.executor.run({ kind: 'seal', path: part });
    const path = join(this.partialPath, file.name);
    fileOperation(path, () => {
      this.#settings.fileSystem.rename(part, path);
    });
    this.#done.push({ name: file.name, bytes: file.bytes, sha256: hash });
    this.#writeState();
  }

  /** Removes all that is no completed file. */
  removeScratch(): void {
    this.#folder.keepOnly([STATE_NAME, ...this.#done.map(({ name }) => name)]);
  }

  #takeOver(): boolean {
    const { fileSystem, resume, onNote } = this.#settings;
    if (!resume) return false;
    const done = readState(fileSystem, this.partialPath, this.#fingerprint);
    this.#done = done ?? [];
    if (this.#done.length > 0) onNote(`going on: ${this.#done.length} files are done`);
    return done !== undefined;
  }

  #checkDiskSpace(scratchBytes: number): void {
    const { fileSystem } = this.#settings;
    const folder = dirname(this.#folder.path);
    const laidOut = (file: OutputFile): number => statusOf(fileSystem, this.partOf(file))?.size ?? 0;
    const ahead = this.remaining.reduce((total, file) => total + file.bytes - (this.#keeps ? laidOut(file) : 0), 0);
    const needed = ahead + scratchBytes + DISK_SLACK_BYTES;
    const free = fileOperation(folder, () => fileSystem.freeBytes(folder));
    if (needed <= free) return;
    throw new ResourceError(`${folder}: the output needs ${needed} bytes, but ${free} are free`, {
      code: 'E_DISK_SPACE',
      hint: 'free some space, or choose an output on another disk',
      details: { file: folder, value: needed, limit: free },
    });
  }

  #writeState(): void {
    const state = { fingerprint: this.#fingerprint, done: this.#done };
    writeState(this.#settings.fileSystem, this.partialPath, state);
  }

  #writeDocuments(): ManifestFile[] {
    const { fileSystem, version } = this.#settings;
    const write = (name: string, content: Uint8Array): ManifestFile => {
      writeNewFile(fileSystem, join(this.partialPath, name), content);
      return { name, bytes: content.length, sha256: sha256(content) };
    };
    const documents = [...this.#conversion.documents].map(([name, content]) => write(name, content));
    const files = [...this.#done, ...documents].sort((a, b) => (a.name < b.name ? -1 : 1));
    const recipe = recipeOf(this.#conversion);
    write(MANIFEST_NAME, serializeManifest({ schema: 'cider.checkpoint/1', version, recipe, files }));
    const state = join(this.partialPath, STATE_NAME);
    fileOperation(state, () => {
      fileSystem.remove(state);
    });
    return files;
  }

  /**
   * What a failed run leaves: work that a later one can take over, unless the input itself is at fault. One that was
   * refused before it began leaves what it found.
   */
  #leave(error: unknown): void {
    if (!this.#hasBegun) return;
    try {
      const isWorthKeeping = this.#keeps || this.#done.length > 0;
      if (!isWorthKeeping || error instanceof InputError) this.#folder.discard();
      else if (this.#keeps) this.#settings.onNote('--resume goes on from here');
      else this.#settings.onNote(`${this.#done.length} files are done; --resume goes on from there`);
    } catch {
      // The first error is the one to report; what could not be removed is removed by the next run.
    }
  }
}
