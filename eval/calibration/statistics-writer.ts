import { dirname } from 'node:path';
import { layoutFile, type FileLayout } from '../../quant/checkpoint/safetensors-layout.ts';
import { SafetensorsFile } from '../../quant/checkpoint/safetensors-file.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { elementCount } from '../../quant/checkpoint/tensor-size.ts';
import { CiderError, ResourceError } from '../../quant/errors.ts';
import {
  closeFile,
  fileOperation,
  readExactly,
  statusOf,
  syncFolder,
  writeExactly,
  type FileSystem,
} from '../../quant/file-system.ts';
import { stages, type Stage, type StageStatistics, type StatisticsSink } from '../../quant/methods/calibration.ts';
import { refuseExistingFile } from '../../quant/output/output-file.ts';
import { parentFolder } from '../../quant/output/parent-folder.ts';
import {
  absmaxName,
  encodeFacts,
  hessianName,
  parseFacts,
  statisticsTensors,
  type StatisticsFacts,
} from './statistics-layout.ts';

export interface StatisticsWriterOptions {
  fileSystem: FileSystem;
  path: string;
  config: ModelConfig;
  facts: StatisticsFacts;
  hessians: boolean;
  /** Replace an earlier file of ours. */
  overwrite: boolean;
}

/**
 * Writes a statistics file, stage by stage in any order, so that no more than one is in memory. It stands under another
 * name until all are there; a later run with the same facts finds it there and goes on.
 */
export class StatisticsWriter implements StatisticsSink {
  readonly #options: StatisticsWriterOptions;
  readonly #layout: FileLayout;
  readonly #partialPath: string;
  /** Whether what an earlier run wrote is there. */
  readonly #continues: boolean;
  readonly #fd: number;
  /** Of every tensor. */
  readonly #elements: ReadonlyMap<string, number>;
  readonly #missing: Set<string>;
  #isOpen = true;

  private constructor(options: StatisticsWriterOptions) {
    const { fileSystem, path, config, facts, hessians } = options;
    const tensors = statisticsTensors(config, hessians);
    this.#options = options;
    this.#layout = layoutFile(tensors, encodeFacts(facts));
    this.#partialPath = `${path}.cider-partial`;
    this.#elements = new Map(tensors.map(({ name, shape }) => [name, elementCount(shape)]));
    this.#missing = new Set(this.#elements.keys());
    this.#continues = this.#isOurPartial();
    if (!this.#continues && statusOf(fileSystem, this.#partialPath)) this.#remove();
    const mode = this.#continues ? 'modify' : 'create';
    this.#fd = fileOperation(this.#partialPath, () => fileSystem.open(this.#partialPath, mode));
    try {
      if (!this.#continues) this.#layOut();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Checks that a file can be written at `path`, and makes room for it.
   *
   * @throws UsageError `E_NO_PARENT_FOLDER`, `E_OUTPUT_EXISTS`; ResourceError
   */
  static open(options: StatisticsWriterOptions): StatisticsWriter {
    const { fileSystem, path } = options;
    parentFolder(fileSystem, path);
    refuseExisting(options);
    return new StatisticsWriter(options);
  }

  get hessians(): boolean {
    return this.#options.hessians;
  }

  /** @throws RangeError for statistics of another shape; ResourceError */
  add(layer: number, stage: Stage, { absmax, hessian }: StageStatistics): void {
    this.#write(absmaxName(layer, stage), absmax);
    if (!this.#options.hessians) return;
    if (!hessian) throw new RangeError('there is no Hessian');
    this.#write(hessianName(layer, stage), Float32Array.from(hessian));
  }

  /** Makes durable what was added. @throws ResourceError */
  sync(): void {
    fileOperation(this.#partialPath, () => {
      this.#options.fileSystem.fsync(this.#fd);
    });
  }

  /**
   * Relies on what an earlier run added of layers before `nextLayer`.
   *
   * @throws ResourceError `E_STATISTICS_LOST` if that is no longer there
   */
  continueFrom(nextLayer: number): void {
    if (!this.#continues && nextLayer > 0) {
      throw new ResourceError(`${this.#partialPath}: what an earlier run gathered is not there`, {
        code: 'E_STATISTICS_LOST',
        hint: 'run without --resume to start again',
        details: { file: this.#partialPath },
      });
    }
    for (let layer = 0; layer < nextLayer; layer++) {
      for (const stage of stages) {
        this.#missing.delete(absmaxName(layer, stage));
        this.#missing.delete(hessianName(layer, stage));
      }
    }
  }

  /** Gives the file its name. @throws UsageError as `open`; ResourceError */
  finish(): void {
    if (this.#missing.size > 0) throw new RangeError(`${[...this.#missing].join(', ')} were not added`);
    const { fileSystem, path } = this.#options;
    this.sync();
    this.close();
    refuseExisting(this.#options);
    fileOperation(path, () => {
      fileSystem.rename(this.#partialPath, path);
    });
    syncFolder(fileSystem, dirname(path));
  }

  /** Leaves what was added to a later run. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeFile(this.#options.fileSystem, this.#fd, this.#partialPath);
  }

  /** Removes what was added. */
  discard(): void {
    this.close();
    this.#remove();
  }

  #write(name: string, values: Float32Array): void {
    const offset = this.#layout.offsets.get(name);
    const elements = this.#elements.get(name);
    if (offset === undefined || values.length !== elements) {
      throw new RangeError(`${name} has ${elements ?? 'no'} elements, not ${values.length}`);
    }
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    writeExactly(this.#options.fileSystem, this.#fd, bytes, offset, this.#partialPath);
    this.#missing.delete(name);
  }

  #layOut(): void {
    const { fileSystem } = this.#options;
    writeExactly(fileSystem, this.#fd, this.#layout.header, 0, this.#partialPath);
    fileOperation(this.#partialPath, () => {
      fileSystem.truncate(this.#fd, this.#layout.fileBytes);
    });
  }

  /** The header tells whether a file is of the same statistics: it holds all facts. */
  #isOurPartial(): boolean {
    const { fileSystem } = this.#options;
    const path = this.#partialPath;
    if (statusOf(fileSystem, path)?.size !== this.#layout.fileBytes) return false;
    const found = new Uint8Array(this.#layout.header.length);
    const fd = fileOperation(path, () => fileSystem.open(path, 'read'));
    try {
      readExactly(fileSystem, fd, found, 0, path);
    } finally {
      closeFile(fileSystem, fd, path);
    }
    return Buffer.compare(found, this.#layout.header) === 0;
  }

  #remove(): void {
    fileOperation(this.#partialPath, () => {
      this.#options.fileSystem.remove(this.#partialPath);
    });
  }
}

function refuseExisting({ fileSystem, path, overwrite }: StatisticsWriterOptions): void {
  const isOurs = (): boolean => {
    try {
      const file = new SafetensorsFile(path, fileSystem);
      try {
        parseFacts(file.readHeader().metadata, path);
        return true;
      } finally {
        file.close();
      }
    } catch (error) {
      if (error instanceof CiderError) return false;
      throw error;
    }
  };
  refuseExistingFile(fileSystem, path, { overwrite, isOurs });
}
