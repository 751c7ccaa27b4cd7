import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { listed, quoted } from '../../quant/checkpoint/quoted.ts';
import { SafetensorsFile } from '../../quant/checkpoint/safetensors-file.ts';
import type { HeaderTensor } from '../../quant/checkpoint/safetensors-header.ts';
import { InputError } from '../../quant/errors.ts';
import { nodeFileSystem, type FileSystem } from '../../quant/file-system.ts';
import type { Stage, StageStatistics } from '../../quant/methods/calibration.ts';
import { absmaxName, hessianName, parseFacts, statisticsTensors, type StatisticsFacts } from './statistics-layout.ts';

/** Statistics of a model that were gathered before. */
export interface SavedStatistics {
  readonly facts: StatisticsFacts;
  readonly hasHessians: boolean;
  /** Those of one stage, read when they are asked for; the caller owns the arrays. @throws InputError, ResourceError */
  read(layer: number, stage: Stage): StageStatistics;
  close(): void;
}

/** @throws InputError `E_STATISTICS_MODEL` if they are of another model than that with the fingerprint */
export function refuseOtherModel({ facts }: SavedStatistics, fingerprint: string): void {
  if (facts.model === fingerprint) return;
  throw new InputError(`the statistics of ${quoted(facts.data)} are of another model`, {
    code: 'E_STATISTICS_MODEL',
    hint: 'gather them again with --save-stats',
    details: { found: facts.model, expected: fingerprint },
  });
}

/** A file that `StatisticsWriter` wrote, which nobody vouches for. */
export class StatisticsFile implements SavedStatistics {
  readonly facts: StatisticsFacts;
  readonly hasHessians: boolean;
  readonly #file: SafetensorsFile;
  readonly #tensors: ReadonlyMap<string, HeaderTensor>;

  /**
   * @param config of the model that they must fit
   * @throws NotFoundError; InputError `E_STATISTICS_SCHEMA`, `E_STATISTICS_METADATA`, `E_STATISTICS_TENSOR`, and those of
   * `SafetensorsFile`; ResourceError
   */
  constructor(path: string, config: ModelConfig, fileSystem: FileSystem = nodeFileSystem) {
    this.#file = new SafetensorsFile(path, fileSystem);
    try {
      const { metadata, tensors } = this.#file.readHeader();
      this.facts = parseFacts(metadata, this.#file.name);
      this.#tensors = new Map(tensors.map((tensor) => [tensor.name, tensor]));
      this.hasHessians = this.#tensors.has(hessianName(0, 'attentionInput'));
      this.#checkTensors(config);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  read(layer: number, stage: Stage): StageStatistics {
    const absmax = this.#floats(absmaxName(layer, stage));
    absmax.forEach((value, k) => {
      if (!(value >= 0 && value < Infinity)) this.#refuseValue(absmaxName(layer, stage), value, [k]);
    });
    const tokens = this.facts.samples * this.facts.seqLen;
    return this.hasHessians ? { tokens, absmax, hessian: this.#hessian(layer, stage) } : { tokens, absmax };
  }

  close(): void {
    this.#file.close();
  }

  /** A sum of products of rows with themselves is symmetric, and not negative on its diagonal. */
  #hessian(layer: number, stage: Stage): Float64Array {
    const name = hessianName(layer, stage);
    const values = Float64Array.from(this.#floats(name));
    const columns = Math.sqrt(values.length);
    for (let i = 0; i < columns; i++) {
      const diagonal = values[i * columns + i];
      if (!(diagonal >= 0)) this.#refuseValue(name, diagonal, [i, i]);
      for (let j = 0; j <= i; j++) {
        const value = values[i * columns + j];
        if (!Number.isFinite(value) || value !== values[j * columns + i]) this.#refuseValue(name, value, [i, j]);
      }
    }
    return values;
  }

  #floats(name: string): Float32Array {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new RangeError(`there is no ${name}`);
    const values = new Float32Array((tensor.end - tensor.begin) / Float32Array.BYTES_PER_ELEMENT);
    this.#file.readAt(new Uint8Array(values.buffer), this.#file.dataStart + tensor.begin);
    return values;
  }

  #checkTensors(config: ModelConfig): void {
    const file = this.#file.name;
    const expected = statisticsTensors(config, this.hasHessians);
    const names = new Set(expected.map(({ name }) => name));
    const missing = [...names].filter((name) => !this.#tensors.has(name));
    const unknown = [...this.#tensors.keys()].filter((name) => !names.has(name));
    const hint = 'the statistics are of another model; gather them again with --save-stats';
    for (const [list, what] of [[missing, 'lacks'] as const, [unknown, 'has besides'] as const]) {
      if (list.length === 0) continue;
      const details = { file, tensors: list.slice(0, 3), count: list.length };
      const message = `${file}: the file ${what} ${listed(list, 3)}`;
      throw new InputError(message, { code: 'E_STATISTICS_TENSOR', hint, details });
    }
    for (const { name, dtype, shape } of expected) {
      const found = this.#tensors.get(name);
      const [wanted, given] = [
        `${dtype} [${shape.join(', ')}]`,
        `${found?.dtype ?? ''} [${found?.shape.join(', ') ?? ''}]`,
      ];
      if (wanted === given) continue;
      const details = { file, tensor: name, found: given, expected: wanted };
      const message = `${file}: tensor ${quoted(name)} is ${given}, expected ${wanted}`;
      throw new InputError(message, { code: 'E_STATISTICS_TENSOR', hint, details });
    }
  }

  #refuseValue(name: string, value: number, index: readonly number[]): never {
    const file = this.#file.name;
    const at = `[${index.join(', ')}]`;
    throw new InputError(`${file}: tensor ${quoted(name)} holds ${value} at ${at}, which no text can give`, {
      code: 'E_STATISTICS_VALUE',
      hint: 'the file is damaged; gather the statistics again with --save-stats',
      details: { file, tensor: name, index: at, value: String(value) },
    });
  }
}
