import os from 'node:os';
import { join } from 'node:path';
import { EvaluationJournal } from '../eval/evaluation-journal.ts';
import type { Fingerprint } from '../eval/evaluation-journal-file.ts';
import type { WindowResult } from '../eval/perplexity/window-result.ts';
import { cacheFolder } from '../kernels/cache-folder.ts';
import { nodeFileSystem } from '../quant/file-system.ts';
import { lockOwner } from './lock-owner.ts';
import type { Output } from './output.ts';

/** The results of a run, in memory and, as far as the disk takes them, in its journal. */
export class KeptResults {
  readonly all: WindowResult[];
  readonly #journal: EvaluationJournal;
  readonly #output: Output;
  #failed = false;

  /** @param resume take over what an interrupted run with the same fingerprint left */
  constructor(fingerprint: Fingerprint, resume: boolean, output: Output) {
    const folder = join(cacheFolder(process.env, os.homedir()), 'eval-ppl');
    this.#journal = new EvaluationJournal({ fileSystem: nodeFileSystem, folder, fingerprint, owner: lockOwner() });
    this.#output = output;
    this.all = resume ? this.#journal.resume() : [];
    if (resume) {
      output.note(
        this.all.length > 0 ? `going on: ${this.all.length} windows are done` : 'nothing to go on from; starting anew',
      );
    }
  }

  add(result: WindowResult): void {
    this.all.push(result);
    this.#try(() => {
      this.#journal.add(result);
    });
  }

  /** The run ends before its time. */
  leave(): void {
    this.#try(() => {
      this.#journal.flush();
    });
    this.#try(() => {
      this.#journal.close();
    });
    if (!this.#failed && this.all.length > 0) this.#output.note('the same command with --resume goes on from here');
  }

  /** The run is complete. */
  forget(): void {
    this.#try(() => {
      this.#journal.complete();
    });
  }

  /** What cannot be kept is no reason to stop; it is said once. */
  #try(operation: () => void): void {
    if (this.#failed) return;
    try {
      operation();
    } catch (error) {
      this.#failed = true;
      const reason = error instanceof Error ? error.message : String(error);
      this.#output.warn(`results cannot be kept for --resume: ${reason}`);
    }
  }
}
