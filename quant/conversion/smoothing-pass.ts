import { join } from 'node:path';
import type { ModelConfig } from '../checkpoint/hf-config.ts';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import { writeSafetensors, type TensorData } from '../checkpoint/safetensors-writer.ts';
import { statusOf, type FileSystem } from '../file-system.ts';
import {
  stages,
  type CalibrationRun,
  type Calibrator,
  type Stage,
  type StageVisit,
  type StatisticsNeeds,
} from '../methods/calibration.ts';
import {
  absmaxOfValues,
  factorsOfAttended,
  smoothingFactors,
  weightAbsmax,
  type LayerSmoothing,
  type Smoothing,
} from '../methods/smoothing.ts';
import { chooseAlpha } from '../methods/smoothing-search.ts';
import type { WeightScheme } from '../schemes/scheme.ts';

export interface SmoothingPass {
  calibrator: Calibrator;
  fileSystem: FileSystem;
  /** How the layers will be quantized, for `auto`. */
  scheme: WeightScheme;
  alpha: number | 'auto';
}

/** Rows of activations that each α is tried on. */
const SEARCH_ROWS = 256;

export const smoothingNeeds = (alpha: number | 'auto'): StatisticsNeeds => ({
  hessian: false,
  cross: false,
  inputRows: alpha === 'auto' ? SEARCH_ROWS : 0,
});

/**
 * Finds the factors of all layers from what the model does with the calibration text. Those of a run that is cut short
 * stand in the folder, in a file of its name.
 */
export async function findSmoothing(
  { calibrator, fileSystem, scheme, alpha }: SmoothingPass,
  run: Pick<CalibrationRun, 'model' | 'name' | 'folder' | 'fingerprint'>,
): Promise<Smoothing> {
  const layers: LayerSmoothing[] = [];
  const { model, name, folder } = run;
  const record = join(folder, `${name}.safetensors`);
  let current: Partial<LayerSmoothing> = {};
  await calibrator.run({
    ...run,
    needs: smoothingNeeds(alpha),
    replaces: false,
    visit: async (visit) => {
      current = { ...current, [visit.stage]: await factorsOf(visit) };
      if (visit.stage === stages[stages.length - 1]) {
        layers.push(current as LayerSmoothing);
        current = {};
      }
      return undefined;
    },
    onCheckpoint: () => {
      writeSafetensors(record, encode(layers), { fileSystem });
    },
    onResume: (nextLayer) => {
      layers.push(...readRecord(record, nextLayer, fileSystem));
    },
  });
  return layers;

  async function factorsOf(visit: StageVisit): Promise<Float32Array> {
    const absmax = channelMaxima(visit, model.config);
    if (alpha !== 'auto') {
      return smoothingFactors(absmax.activationAbsmax, absmax.weightAbsmax, alphaOf(visit.stage, alpha));
    }
    const { inputs } = visit.statistics;
    if (!inputs) throw new RangeError('a search for α needs inputs');
    const errorOf = calibrator.outputError(inputs, visit.weights, scheme);
    const outputError = (factors: Float32Array): Promise<number> =>
      errorOf(isShared(visit.stage) ? factorsOfAttended(factors, model.config) : factors);
    return (await chooseAlpha({ ...absmax, outputError })).factors;
  }
}

/**
 * The α of the pairs v → o and up → down at most. What a norm gives is of one size in all tokens; products of gate and up
 * are not, and their maxima, of a few tokens in a few channels, are a thousand times what is usual: with α 0.85 the columns of
 * down would be spread as far. Measured on SmolLM2-135M: docs/benchmarks.md, Methods.
 */
const PAIR_ALPHA = 0.5;

const alphaOf = (stage: Stage, alpha: number): number =>
  stage === 'attentionOutput' || stage === 'mlpOutput' ? Math.min(alpha, PAIR_ALPHA) : alpha;

/** Largest magnitudes by channel that has a factor of its own. */
function channelMaxima(
  { stage, statistics: { absmax }, weights }: StageVisit,
  config: ModelConfig,
): { activationAbsmax: Float32Array; weightAbsmax: Float32Array } {
  const columns = weightAbsmax(
    weights.map(({ values }) => values),
    absmax.length,
  );
  if (!isShared(stage)) return { activationAbsmax: absmax, weightAbsmax: columns };
  return { activationAbsmax: absmaxOfValues(absmax, config), weightAbsmax: absmaxOfValues(columns, config) };
}

/** What o_proj reads are values, which the query heads of a group share. */
const isShared = (stage: Stage): boolean => stage === 'attentionOutput';

function encode(layers: Smoothing): TensorData[] {
  return layers.flatMap((factors, layer) =>
    stages.map((stage): TensorData => {
      const values = factors[stage];
      const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      return { name: recordName(layer, stage), dtype: 'F32', shape: [values.length], data };
    }),
  );
}

function readRecord(path: string, count: number, fileSystem: FileSystem): LayerSmoothing[] {
  if (statusOf(fileSystem, path) === undefined) throw new RangeError(`${path} is missing`);
  const checkpoint = Checkpoint.open(path, fileSystem);
  try {
    const read = (layer: number, stage: Stage): Float32Array => {
      const entry = checkpoint.tensors.get(recordName(layer, stage));
      if (!entry) throw new RangeError(`${path} lacks layer ${layer}`);
      return checkpoint.readFloats(entry);
    };
    return Array.from({ length: count }, (_, layer) => ({
      attentionInput: read(layer, 'attentionInput'),
      attentionOutput: read(layer, 'attentionOutput'),
      mlpInput: read(layer, 'mlpInput'),
      mlpOutput: read(layer, 'mlpOutput'),
    }));
  } finally {
    checkpoint.close();
  }
}

const recordName = (layer: number, stage: Stage): string => `layers.${layer}.${stage}`;
