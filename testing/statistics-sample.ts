import { join } from 'node:path';
import { stageColumns } from '../eval/calibration/stage-linears.ts';
import type { StatisticsFacts } from '../eval/calibration/statistics-layout.ts';
import { StatisticsWriter, type StatisticsWriterOptions } from '../eval/calibration/statistics-writer.ts';
import type { ModelConfig } from '../quant/checkpoint/hf-config.ts';
import { nodeFileSystem } from '../quant/file-system.ts';
import { stages, type Stage, type StageStatistics } from '../quant/methods/calibration.ts';
import { randomFloats } from './random-arrays.ts';
import { smallConfig } from './random-model.ts';
import { temporaryFolder } from './temporary-folder.ts';

export const config: ModelConfig = smallConfig({ hidden_size: 6, intermediate_size: 5, head_dim: 2 });
export const facts: StatisticsFacts = {
  version: '1.2.3',
  model: 'a1',
  data: 'some text',
  tokensSha256: 'f00',
  samples: 3,
  seqLen: 7,
};

/** As of random inputs; Hessians of values that f32 holds exactly. */
export function statisticsOf(seed: number, layer: number, stage: Stage): StageStatistics {
  const columns = stageColumns(config, stage);
  const x = randomFloats(columns, 100 * seed + 10 * layer + stages.indexOf(stage)).map((value) =>
    Math.round(64 * value),
  );
  const hessian = new Float64Array(columns * columns).map((_, i) => x[Math.floor(i / columns)] * x[i % columns]);
  return { tokens: 21, absmax: x.map(Math.abs), hessian };
}

/** Every stage of every layer. */
export const places: readonly [number, Stage][] = [0, 1].flatMap((layer) =>
  stages.map((stage): [number, Stage] => [layer, stage]),
);

export const writerOptions = (
  path: string,
  changed: Partial<StatisticsWriterOptions> = {},
): StatisticsWriterOptions => ({
  fileSystem: nodeFileSystem,
  path,
  config,
  facts,
  hessians: true,
  overwrite: false,
  ...changed,
});

/** Writes a whole file. */
export function writeStatistics(path: string, changed: Partial<StatisticsWriterOptions> = {}, seed = 1): void {
  const writer = StatisticsWriter.open(writerOptions(path, changed));
  for (const [layer, stage] of places) writer.add(layer, stage, statisticsOf(seed, layer, stage));
  writer.finish();
}

export const newStatisticsPath = (): string => join(temporaryFolder(), 'stats.safetensors');
