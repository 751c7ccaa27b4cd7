import { modelTensors } from '../../quant/checkpoint/architecture.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { smoothingNeeds } from '../../quant/conversion/smoothing-pass.ts';
import { stages, type CalibrationFacts, type Stage } from '../../quant/methods/calibration.ts';
import { COLUMN_BLOCK } from '../../quant/methods/blocks.ts';
import { alphas } from '../../quant/methods/smoothing-search.ts';
import type { GptqRounding, Treatment } from '../../quant/methods/treatment.ts';
import type { Rates } from './measure-rates.ts';
import { isAdded, stageColumns, stageLinears } from './stage-linears.ts';

/** What a treatment will take. */
export interface Estimate {
  smoothSeconds: number;
  roundSeconds: number;
  seconds: number;
  /** Peak resident memory. */
  memoryBytes: number;
}

type Text = Pick<CalibrationFacts, 'samples' | 'seqLen'>;

/** In-block work of GPTQ is measured on columns so long, with what products of that length take. */
const FED_COLUMNS = 512;

/**
 * What is not counted: reading and writing, loops over activations, collecting garbage. On SmolLM2-135M a best
 * recipe took 405 s where 334 s were counted.
 */
const UNCOUNTED = 1.2;

/** Counts the operations of a treatment and divides by what the machine does in a second. */
export function estimate(
  config: ModelConfig,
  treatment: Treatment,
  text: Text | undefined,
  rates: Rates,
  baseBytes: number,
): Estimate {
  const layer = layerCounts(config);
  const weights = layer.reduce((sum, { elements }) => sum + elements, 0);
  const tokens = text ? text.samples * text.seqLen : 0;
  const attention = text ? (2 * tokens * text.seqLen * config.heads * config.headDim) / 2 / rates.floatLinear : 0;
  const floatForward = (tokens * weights) / rates.floatLinear + attention;
  const { smoothing, rounding } = treatment;

  const search = weights / rates.rounded + (weights * smoothingNeeds('auto').inputRows) / rates.integerLinear;
  // No smoothing, the first of them, is not counted.
  const searches = alphas.length - 1;
  const smooth = smoothing ? floatForward + (smoothing.alpha === 'auto' ? searches * search : 0) : 0;
  const round =
    rounding.kind === 'nearest'
      ? weights / rates.rounded
      : (tokens * weights) / rates.integerLinear +
        attention +
        (rounding.compensation > 0 ? floatForward : 0) +
        layer.reduce((sum, counts) => sum + gptqSeconds(config, counts, tokens, rounding, rates), 0);
  const smoothSeconds = UNCOUNTED * config.layers * smooth;
  const roundSeconds = UNCOUNTED * config.layers * round;
  return {
    smoothSeconds,
    roundSeconds,
    seconds: smoothSeconds + roundSeconds,
    memoryBytes: baseBytes + workingBytes(config, treatment, text, weights),
  };
}

/** A stage of a layer: columns of its weights, and elements of all of them. */
interface StageCounts {
  stage: Stage;
  columns: number;
  elements: number;
}

function layerCounts(config: ModelConfig): StageCounts[] {
  const shapes = new Map(modelTensors(config).map(({ module, role, shape }) => [`${module} ${role}`, shape]));
  return stages.map((stage) => {
    const elements = stageLinears[stage].reduce((sum, { module }) => {
      const [rows, columns] = shapes.get(`model.layers.0.${module} linear`) ?? [0, 0];
      return sum + rows * columns;
    }, 0);
    return { stage, columns: stageColumns(config, stage), elements };
  });
}

function gptqSeconds(
  config: ModelConfig,
  { stage, columns, elements }: StageCounts,
  tokens: number,
  { compensation, refine }: GptqRounding,
  rates: Rates,
): number {
  const square = columns * columns;
  const hessian = (0.5 * square * tokens) / rates.accumulate;
  const differences = isAdded(config, stage)
    ? tokens * elements * (1 / rates.accumulate + 1 / rates.floatLinear)
    : (tokens * square) / rates.accumulate;
  const factor = (square * columns) / 3 / rates.multiplyAdd;
  const inBlocks = elements / rates.fed - (elements * FED_COLUMNS * 2.5) / rates.multiplyAdd;
  const compensating = isAdded(config, stage) ? 1 : 2;
  // Lazy updates take half a product of weight and factor; the error of a row takes one, and so does a sweep twice.
  const products = 0.5 + (refine > 0 ? 3 + 2 * refine : 2) + (compensation > 0 ? compensating : 0);
  return (
    hessian +
    (compensation > 0 ? differences : 0) +
    factor +
    Math.max(0, inBlocks) +
    (products * elements * Math.max(columns, COLUMN_BLOCK)) / rates.multiplyAdd
  );
}

const F32 = Float32Array.BYTES_PER_ELEMENT;
const F64 = Float64Array.BYTES_PER_ELEMENT;

function workingBytes(config: ModelConfig, { rounding }: Treatment, text: Text | undefined, weights: number): number {
  const { vocabSize, hiddenSize, intermediateSize, heads, kvHeads, headDim } = config;
  // The matrix as it is read, as it is treated, and as the backend or the file has it.
  const embedding = 3 * F32 * vocabSize * hiddenSize;
  const layer = 2 * F32 * weights;
  const row = 3 * hiddenSize + 2 * (heads + kvHeads) * headDim + 2 * intermediateSize;
  const activations = text ? 2 * F32 * text.seqLen * row : 0;
  if (rounding.kind === 'nearest') return Math.max(embedding, layer + activations);
  // A Hessian, its factor, and how far the float model is away.
  const matrices = stages.map((stage) => {
    const columns = stageColumns(config, stage);
    const differences = isAdded(config, stage) ? hiddenSize : columns;
    return columns * (2 * columns + (rounding.compensation > 0 ? differences : 0));
  });
  return Math.max(embedding, layer + activations + F64 * Math.max(...matrices));
}
