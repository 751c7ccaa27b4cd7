import { mlpNorm } from '../checkpoint/architecture.ts';
import type { ModelConfig } from '../checkpoint/hf-config.ts';
import type { Stage } from './calibration.ts';
import type { FloatModel } from './float-model.ts';
import { layerPath, tensorFinder, type LayerTensor } from './model-tensor.ts';
import { smoothGain, type GainDtype, type SmoothedGain } from './smoothed-gain.ts';
import { checkSmoothing, factorsOfAttended, type Smoothing } from './smoothing.ts';

export interface SmoothedModelOptions {
  /** What the gains of norms will be stored in. They are rounded to it first, and the weights after them make up for it. */
  gainDtype: GainDtype;
}

/** A model whose activations are divided by factors. */
export interface SmoothedFloatModel extends FloatModel {
  /** What the inputs of a stage are divided by, and the columns of its weights multiplied by: `[K]`. */
  columnFactors(layer: number, stage: Stage): Promise<Float32Array | Float64Array>;
}

/**
 * The model with activations divided by factors, which the weights that read them take back: the norms before q, k, v
 * and before gate, up (SmoothQuant, arXiv 2211.10438), v_proj before o_proj and up_proj before down_proj (the pairs of
 * AWQ, arXiv 2306.00978; exact, as attention is linear in v and the MLP in up). Each weight is computed in f64 and
 * rounded once.
 *
 * @throws RangeError for factors that do not fit the model, or are not positive and finite
 */
export function smoothedModel(
  model: FloatModel,
  smoothing: Smoothing,
  options: SmoothedModelOptions,
): SmoothedFloatModel {
  checkSmoothing(smoothing, model.config);
  return new SmoothedModel(model, smoothing, options);
}

/** What the rows of a weight are divided by, and its columns multiplied by. */
interface Scaling {
  rows?: Float32Array;
  columns?: Float32Array | Float64Array;
}

class SmoothedModel implements SmoothedFloatModel {
  readonly config: ModelConfig;
  readonly #source: FloatModel;
  readonly #smoothing: Smoothing;
  readonly #gainDtype: GainDtype;
  readonly #mlpNorm: string;
  readonly #find: (name: string) => LayerTensor;

  constructor(source: FloatModel, smoothing: Smoothing, { gainDtype }: SmoothedModelOptions) {
    this.config = source.config;
    this.#source = source;
    this.#smoothing = smoothing;
    this.#gainDtype = gainDtype;
    this.#mlpNorm = mlpNorm(source.config);
    this.#find = tensorFinder(source.config);
  }

  async read(name: string): Promise<Float32Array> {
    const { part, layer, role } = this.#find(name);
    if (layer === undefined) return this.#source.read(name);
    if (part === 'input_layernorm') return (await this.#attentionGain(layer)).stored;
    if (part === this.#mlpNorm) return (await this.#mlpGain(layer)).stored;
    const values = await this.#source.read(name);
    const { rows, columns } = await this.#scaling(layer, part);
    if (role === 'bias') scaleBias(values, rows);
    else scaleWeight(values, rows, columns);
    return values;
  }

  async columnFactors(layer: number, stage: Stage): Promise<Float32Array | Float64Array> {
    const { attentionOutput, mlpOutput } = this.#smoothing[layer];
    switch (stage) {
      case 'attentionInput':
        return (await this.#attentionGain(layer)).columnFactors;
      case 'attentionOutput':
        return factorsOfAttended(attentionOutput, this.config);
      case 'mlpInput':
        return (await this.#mlpGain(layer)).columnFactors;
      case 'mlpOutput':
        return mlpOutput;
    }
  }

  async #scaling(layer: number, part: string): Promise<Scaling> {
    const { attentionOutput, mlpOutput } = this.#smoothing[layer];
    const columnsOf = async (stage: Stage): Promise<Scaling> => ({ columns: await this.columnFactors(layer, stage) });
    switch (part) {
      case 'self_attn.q_proj':
      case 'self_attn.k_proj':
        return columnsOf('attentionInput');
      case 'self_attn.v_proj':
        return { ...(await columnsOf('attentionInput')), rows: attentionOutput };
      case 'self_attn.o_proj':
        return columnsOf('attentionOutput');
      case 'mlp.gate_proj':
        return columnsOf('mlpInput');
      case 'mlp.up_proj':
        return { ...(await columnsOf('mlpInput')), rows: mlpOutput };
      case 'mlp.down_proj':
        return columnsOf('mlpOutput');
      default:
        return {};
    }
  }

  #attentionGain(layer: number): Promise<SmoothedGain> {
    return this.#gain(layer, 'input_layernorm', this.#smoothing[layer].attentionInput);
  }

  #mlpGain(layer: number): Promise<SmoothedGain> {
    return this.#gain(layer, this.#mlpNorm, this.#smoothing[layer].mlpInput);
  }

  async #gain(layer: number, norm: string, factors: Float32Array): Promise<SmoothedGain> {
    const stored = await this.#source.read(`${layerPath(layer)}.${norm}.weight`);
    return smoothGain(stored, factors, { offset: this.config.gainOffset, dtype: this.#gainDtype });
  }
}

function scaleBias(values: Float32Array, divisors: Float32Array | undefined): void {
  if (divisors) divisors.forEach((divisor, row) => (values[row] /= divisor));
}

function scaleWeight(values: Float32Array, rows: Scaling['rows'], columns: Scaling['columns']): void {
  if (!columns) return;
  for (let start = 0, row = 0; start < values.length; start += columns.length, row++) {
    const divisor = rows?.[row] ?? 1;
    for (let k = 0; k < columns.length; k++) values[start + k] = (values[start + k] * columns[k]) / divisor;
  }
}
