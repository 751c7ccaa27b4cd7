import { dirname, join } from 'node:path';
import type { JobExecutor } from './conversion/job.ts';
import type { OutputFile } from './conversion/output-files.ts';
import type { Conversion } from './conversion/prepare.ts';
import { fingerprintOf, recipeOf } from './conversion/recipe.ts';
import { readState, STATE_NAME, writeState, type Fingerprint } from './conversion/state.ts';
import { InputError, ResourceError } from './errors.ts';
import { closeFile, fileOperation, writeExactly, writeNewFile, type FileSystem } from './file-system.ts';
import type { LockOwner } from './output/lock.ts';
import { MANIFEST_NAME, serializeManifest, sha256, type ManifestFile } from './output/manifest.ts';
import { OutputFolder } from './output/output-folder.ts';

export interface ConvertSettings {
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
  /** Take over the files that an unfinished run of the same conversion completed. */
  resume: boolean;
  onNote: (text: string) => void;
  /** Bytes of input done so far, and the tensor that was done last. */
  onProgress: (doneBytes: number, label: string) => void;
}

/** Small files come on top of the sizes that are known: manifest, state, and what the file system needs for itself. */
const DISK_SLACK_BYTES = 4 * 1024 * 1024;

/**
 * Carries a conversion out. The output appears whole under its name or not at all, and the same conversion gives the
 * same bytes for any number of threads.
 *
 * @returns the files of the output, sorted by name
 * @throws UsageError for an output that may not be written; ResourceError for disk and locks; InputError for weights
 */
export async function convert(conversion: Conversion, settings: ConvertSettings): Promise<ManifestFile[]> {
  const { fileSystem, executor, signal } = settings;
  const output = OutputFolder.claim(fileSystem, settings.output, conversion.checkpoint.folder, settings);
  const stop = (): void => void executor.close();
  signal.addEventListener('abort', stop);
  try {
    const run = new ConversionRun(conversion, settings, output);
    try {
      return await run.complete();
    } catch (error) {
      await executor.close();
      run.leave(error);
      throw error;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    output.release();
  }
}

class ConversionRun {
  readonly #conversion: Conversion;
  readonly #settings: ConvertSettings;
  readonly #output: OutputFolder;
  readonly #fingerprint: Fingerprint;
  #done: ManifestFile[] = [];
  #doneBytes = 0;

  constructor(conversion: Conversion, settings: ConvertSettings, output: OutputFolder) {
    this.#conversion = conversion;
    this.#settings = settings;
    this.#output = output;
    this.#fingerprint = fingerprintOf(conversion, settings.version);
  }

  async complete(): Promise<ManifestFile[]> {
    const resumed = this.#settings.resume ? this.#takeOver() : [];
    const remaining = this.#conversion.files.filter(({ name }) => !resumed.some((file) => file.name === name));
    this.#checkDiskSpace(remaining);
    if (resumed.length > 0) this.#output.keepOnly([STATE_NAME, ...resumed.map(({ name }) => name)]);
    else this.#output.begin();
    this.#done = resumed;
    await Promise.all(remaining.map((file) => this.#writeFile(file)));
    this.#settings.signal.throwIfAborted();
    const files = this.#writeDocuments();
    this.#output.commit();
    return files;
  }

  /** What a failed run leaves: files that a later one can take over, unless the input itself is at fault. */
  leave(error: unknown): void {
    try {
      if (this.#done.length === 0 || error instanceof InputError) this.#output.discard();
      else this.#settings.onNote(`${this.#done.length} files are done; --resume goes on from there`);
    } catch {
      // The first error is the one to report; what could not be removed is removed by the next run.
    }
  }

  #takeOver(): ManifestFile[] {
    const done = readState(this.#settings.fileSystem, this.#output.partialPath, this.#fingerprint);
    if (done.length > 0) this.#settings.onNote(`going on: ${done.length} files are done`);
    return done;
  }

  #checkDiskSpace(remaining: readonly OutputFile[]): void {
    const folder = dirname(this.#output.path);
    const needed = remaining.reduce((total, { bytes }) => total + bytes, DISK_SLACK_BYTES);
    const free = fileOperation(folder, () => this.#settings.fileSystem.freeBytes(folder));
    if (needed <= free) return;
    throw new ResourceError(`${folder}: the output needs ${needed} bytes, but ${free} are free`, {
      code: 'E_DISK_SPACE',
      hint: 'free some space, or choose an output on another disk',
      details: { file: folder, value: needed, limit: free },
    });
  }

  /** Lays the file out at its full size, lets the executor fill it, and gives it its name once it is durable. */
  async #writeFile(file: OutputFile): Promise<void> {
    const { fileSystem, executor } = this.#settings;
    const path = join(this.#output.partialPath, file.name);
    const part = `${path}.part`;
    const fd = fileOperation(part, () => fileSystem.open(part, 'create'));
    try {
      for (const { offset, bytes } of file.known) writeExactly(fileSystem, fd, bytes, offset, part);
      fileOperation(part, () => {
        fileSystem.truncate(fd, file.bytes);
      });
    } finally {
      closeFile(fileSystem, fd, part);
    }
    await Promise.all(
      [...file.jobs(part)].map(async (job) => {
        await executor.run(job);
        this.#settings.onProgress((this.#doneBytes += job.source.bytes), job.label);
      }),
    );
    const sealed = await executor.run({ kind: 'seal', path: part });
    fileOperation(path, () => {
      fileSystem.rename(part, path);
    });
    this.#done.push({ name: file.name, bytes: file.bytes, sha256: sealed.sha256 ?? '' });
    writeState(fileSystem, this.#output.partialPath, { fingerprint: this.#fingerprint, done: this.#done });
  }

  #writeDocuments(): ManifestFile[] {
    const { fileSystem, version } = this.#settings;
    const { partialPath } = this.#output;
    const write = (name: string, content: Uint8Array): ManifestFile => {
      writeNewFile(fileSystem, join(partialPath, name), content);
      return { name, bytes: content.length, sha256: sha256(content) };
    };
    const documents = [...this.#conversion.documents].map(([name, content]) => write(name, content));
    const files = [...this.#done, ...documents].sort((a, b) => (a.name < b.name ? -1 : 1));
    const recipe = recipeOf(this.#conversion);
    write(MANIFEST_NAME, serializeManifest({ schema: 'cider.checkpoint/1', version, recipe, files }));
    const state = join(partialPath, STATE_NAME);
    fileOperation(state, () => {
      fileSystem.remove(state);
    });
    return files;
  }
}
