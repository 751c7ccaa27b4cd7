import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { UsageError } from '../quant/errors.ts';
import { closeFile, fileOperation, statusOf, syncFolder, writeExactly, type FileSystem } from '../quant/file-system.ts';
import { acquireLock, type LockOwner } from '../quant/output/lock.ts';
import { encodeLine, readJournal, type Fingerprint } from './evaluation-journal-file.ts';
import type { WindowResult } from './perplexity/window-result.ts';

export interface JournalOptions {
  fileSystem: FileSystem;
  /** Holds the journals of all unfinished runs; it is created when there is something to keep. */
  folder: string;
  fingerprint: Fingerprint;
  owner: LockOwner;
}

/** Work of this long may be lost to a crash; a shorter run never touches the disk. */
const FLUSH_MILLISECONDS = 10_000;

/**
 * Keeps the results of a run that may be cut short, in a file named by the fingerprint. Results are appended, so that a
 * kill at any moment costs at most the last line, which a reader then ignores.
 */
export class EvaluationJournal {
  readonly path: string;
  readonly #options: JournalOptions;
  #pending: WindowResult[] = [];
  #flushedAt: number = performance.now();
  /** Bytes of the file that are ours to keep; undefined before this run wrote to it or took it over. */
  #length: number | undefined;
  #unlock: (() => void) | undefined;

  constructor(options: JournalOptions) {
    this.#options = options;
    const name = createHash('sha256').update(JSON.stringify(options.fingerprint)).digest('hex').slice(0, 16);
    this.path = join(options.folder, `${name}.jsonl`);
  }

  /**
   * Takes over what an unfinished run with the same fingerprint left; nothing if there is none.
   *
   * @throws UsageError `E_RESUME_MISMATCH` if the same model only has unfinished runs with another fingerprint;
   * ResourceError `E_LOCKED` if that run is still going on
   */
  resume(): WindowResult[] {
    const { fileSystem, folder, fingerprint } = this.#options;
    if (statusOf(fileSystem, this.path) === undefined) {
      refuseOthers(fileSystem, folder, fingerprint);
      return [];
    }
    this.#lock();
    const journal = readJournal(fileSystem, this.path);
    if (!journal) return [];
    this.#length = journal.length;
    return journal.results;
  }

  /** @throws ResourceError if the disk does not take it */
  add(result: WindowResult): void {
    this.#pending.push(result);
    if (performance.now() - this.#flushedAt >= FLUSH_MILLISECONDS) this.flush();
  }

  /** Writes what was added, and makes it durable. @throws ResourceError */
  flush(): void {
    if (this.#pending.length === 0) return;
    const { fileSystem, fingerprint } = this.#options;
    if (this.#length === undefined) this.#create();
    const start = this.#length ?? 0;
    const lines = [...(start === 0 ? [{ fingerprint }] : []), ...this.#pending].map(encodeLine);
    const bytes = Buffer.concat(lines);
    const fd = fileOperation(this.path, () => fileSystem.open(this.path, 'modify'));
    try {
      fileOperation(this.path, () => {
        fileSystem.truncate(fd, start);
      });
      writeExactly(fileSystem, fd, bytes, start, this.path);
      fileOperation(this.path, () => {
        fileSystem.fsync(fd);
      });
    } finally {
      closeFile(fileSystem, fd, this.path);
    }
    this.#length = start + bytes.length;
    this.#pending = [];
    this.#flushedAt = performance.now();
  }

  /** Forgets everything: the run is complete. */
  complete(): void {
    const { fileSystem } = this.#options;
    this.#pending = [];
    if (this.#length !== undefined) {
      fileOperation(this.path, () => {
        fileSystem.remove(this.path);
      });
    }
    this.close();
  }

  close(): void {
    this.#unlock?.();
    this.#unlock = undefined;
  }

  /** An empty file in the place of what an earlier run may have left. */
  #create(): void {
    const { fileSystem, folder } = this.#options;
    fileOperation(folder, () => {
      fileSystem.makeFolders(folder);
    });
    this.#lock();
    if (statusOf(fileSystem, this.path) === undefined) {
      closeFile(
        fileSystem,
        fileOperation(this.path, () => fileSystem.open(this.path, 'create')),
        this.path,
      );
      syncFolder(fileSystem, folder);
    }
    this.#length = 0;
  }

  #lock(): void {
    const { fileSystem, owner } = this.#options;
    this.#unlock ??= acquireLock(fileSystem, `${this.path}.lock`, owner);
  }
}

/** Going on with other settings would start again without a word: rather say what differs. */
function refuseOthers(fileSystem: FileSystem, folder: string, fingerprint: Fingerprint): void {
  if (statusOf(fileSystem, folder)?.kind !== 'folder') return;
  const names = fileOperation(folder, () => fileSystem.list(folder)).filter((name) => name.endsWith('.jsonl'));
  const differences = names.flatMap((name) => {
    const other = readJournal(fileSystem, join(folder, name))?.fingerprint;
    return other?.model === fingerprint.model ? [differing(fingerprint, other)] : [];
  });
  if (differences.length === 0) return;
  const [least] = differences.sort((a, b) => a.length - b.length);
  throw new UsageError(`the unfinished run differs in ${least.map(({ name }) => name).join(', ')}`, {
    code: 'E_RESUME_MISMATCH',
    hint: 'run with the former options, or without --resume to start again',
    details: { differences: least.map(({ name, from, to }) => `${name}: ${from} → ${to}`) },
  });
}

interface Difference {
  name: string;
  from: string;
  to: string;
}

function differing(ours: Fingerprint, theirs: Fingerprint): Difference[] {
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])];
  const differences = names.map((name) => ({ name, from: theirs[name] ?? '-', to: ours[name] ?? '-' }));
  return differences.filter(({ from, to }) => from !== to);
}
