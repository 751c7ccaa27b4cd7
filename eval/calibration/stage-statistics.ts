import { matrix, type LinearAlgebra, type Matrix } from '../../kernels/linear-algebra.ts';
import { InputError } from '../../quant/errors.ts';
import type { Stage, StageStatistics, StatisticsNeeds } from '../../quant/methods/calibration.ts';
import { sampleRows } from './sample-rows.ts';
import { stageLinears } from './stage-linears.ts';

export interface StageGathererOptions {
  layer: number;
  stage: Stage;
  /** Input channels. */
  columns: number;
  /** Channels of the residual stream, if the outputs of the stage are added to it as they are. */
  streamColumns: number | undefined;
  /** Of all windows. */
  tokens: number;
  needs: StatisticsNeeds;
  algebra: LinearAlgebra;
}

/** What the float model has for the rows of a window. */
export interface FloatRows {
  inputs: Float32Array;
  /** Its residual stream less that of the calibrated path, before the outputs of the stage are added to it. */
  streamDifference: Float32Array | undefined;
}

/** Statistics of the inputs of one stage, which come window by window. */
export class StageGatherer {
  readonly #options: StageGathererOptions;
  readonly #absmax: Float32Array;
  readonly #hessian: Matrix | undefined;
  readonly #cross: Matrix | undefined;
  readonly #residual: Matrix | undefined;
  /** Tokens whose rows are kept, ascending. */
  readonly #sampled: readonly number[];
  readonly #inputs: Float32Array;
  #kept = 0;
  #tokens = 0;

  constructor(options: StageGathererOptions) {
    this.#options = options;
    const { columns, streamColumns, tokens, needs } = options;
    const square = (): Matrix => matrix(new Float64Array(columns * columns), columns, columns);
    this.#absmax = new Float32Array(columns);
    this.#hessian = needs.hessian ? square() : undefined;
    this.#cross = needs.cross ? square() : undefined;
    this.#residual =
      needs.cross && streamColumns !== undefined
        ? matrix(new Float64Array(streamColumns * columns), streamColumns, columns)
        : undefined;
    this.#sampled = sampleRows(tokens, needs.inputRows);
    this.#inputs = new Float32Array(this.#sampled.length * columns);
  }

  /**
   * @param x inputs of the next window, `[tokens, columns]`
   * @param float those of the float model, if `cross` is needed; overwritten
   * @throws InputError `E_NON_FINITE_ACTIVATION`
   */
  async add(window: number, x: Float32Array, float?: FloatRows): Promise<void> {
    const { columns, algebra } = this.#options;
    const count = x.length / columns;
    this.#addMagnitudes(window, x);
    this.#keepRows(x, count);
    if (this.#hessian) await algebra.accumulate(this.#hessian, x, x, count);
    if (this.#cross && float) {
      const { inputs, streamDifference } = float;
      this.#subtract(window, inputs, x);
      await algebra.accumulate(this.#cross, inputs, x, count);
      if (this.#residual && streamDifference) await algebra.accumulate(this.#residual, streamDifference, x, count);
    }
    this.#tokens += count;
  }

  /** Hands the arrays over. */
  result(): StageStatistics {
    return {
      tokens: this.#tokens,
      absmax: this.#absmax,
      ...(this.#hessian ? { hessian: this.#hessian.data } : {}),
      ...(this.#cross ? { cross: this.#cross.data } : {}),
      ...(this.#residual ? { residual: this.#residual.data } : {}),
      ...(this.#options.needs.inputRows > 0 ? { inputs: this.#inputs } : {}),
    };
  }

  #addMagnitudes(window: number, x: Float32Array): void {
    const absmax = this.#absmax;
    const columns = absmax.length;
    let sum = 0;
    for (let at = 0; at < x.length; at += columns) {
      for (let k = 0; k < columns; k++) {
        const value = x[at + k];
        sum += value;
        const magnitude = Math.abs(value);
        if (magnitude > absmax[k]) absmax[k] = magnitude;
      }
    }
    // Finite values of f32 cannot overflow a sum of f64.
    if (!Number.isFinite(sum)) this.#checkFinite(window, x);
  }

  /** `float -= x`. */
  #subtract(window: number, float: Float32Array, x: Float32Array): void {
    let sum = 0;
    for (let i = 0; i < float.length; i++) sum += float[i] -= x[i];
    if (!Number.isFinite(sum)) this.#checkFinite(window, float);
  }

  #keepRows(x: Float32Array, count: number): void {
    const { columns } = this.#options;
    for (; this.#kept < this.#sampled.length; this.#kept++) {
      const row = this.#sampled[this.#kept] - this.#tokens;
      if (row >= count) return;
      this.#inputs.set(x.subarray(row * columns, (row + 1) * columns), this.#kept * columns);
    }
  }

  #checkFinite(window: number, x: Float32Array): void {
    const at = x.findIndex((value) => !Number.isFinite(value));
    if (at === -1) return;
    const { layer, stage, columns } = this.#options;
    const token = Math.floor(at / columns);
    const readers = stageLinears[stage].map(({ module }) => module.replace(/^.*\./, '')).join(', ');
    throw new InputError(
      `layer ${layer}: the input of ${readers} is ${x[at]} at token ${token} of calibration window ${window}`,
      {
        code: 'E_NON_FINITE_ACTIVATION',
        hint: 'activations overflow f32: the weights may be damaged, or config.json may belong to another model',
        details: { layer, stage, window, token, channel: at % columns, value: String(x[at]) },
      },
    );
  }
}
