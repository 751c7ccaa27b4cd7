import { matrix, type LinearAlgebra, type Matrix } from '../../kernels/linear-algebra.ts';
import { InputError } from '../../quant/errors.ts';
import type { Stage, StageStatistics, StatisticsNeeds } from '../../quant/methods/calibration.ts';
import type { StageRows } from './layer-track.ts';
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

/** Statistics of the inputs of one stage, which come window by window. */
export class StageGatherer {
  readonly #options: StageGathererOptions;
  readonly #absmax: Float32Array;
  readonly #hessian: Matrix | undefined;
  /** Of the inputs, or of the stream if the outputs are added to it. */
  readonly #differences: Matrix | undefined;
  /** Tokens whose rows are kept, ascending. */
  readonly #sampled: readonly number[];
  readonly #inputs: Float32Array;
  #kept = 0;
  #tokens = 0;

  constructor(options: StageGathererOptions) {
    this.#options = options;
    const { columns, streamColumns, tokens, needs } = options;
    this.#absmax = new Float32Array(columns);
    this.#hessian = needs.hessian ? matrix(new Float64Array(columns * columns), columns, columns) : undefined;
    const rows = streamColumns ?? columns;
    this.#differences = needs.cross ? matrix(new Float64Array(rows * columns), rows, columns) : undefined;
    this.#sampled = sampleRows(tokens, needs.inputRows);
    this.#inputs = new Float32Array(this.#sampled.length * columns);
  }

  /**
   * @param rows of the next window
   * @param float those of the float model, if `cross` is needed; overwritten
   * @param meanwhile what this thread may do while products of matrices are computed by others, before `float` is
   * overwritten
   * @throws InputError `E_NON_FINITE_ACTIVATION`
   */
  async add(window: number, rows: StageRows, float?: StageRows, meanwhile?: () => void): Promise<void> {
    const { columns, streamColumns, algebra } = this.#options;
    const x = rows.inputs;
    const count = x.length / columns;
    const compared = streamColumns === undefined ? 'inputs' : 'stream';
    const [own, theirs] = [rows[compared], float?.[compared]];
    const squared = this.#hessian && algebra.accumulate(this.#hessian, x, x, count);
    try {
      meanwhile?.();
      this.#addMagnitudes(window, x);
      this.#keepRows(x, count);
      if (own && theirs && !subtract(theirs, own)) this.#checkFinite(window, theirs, compared);
    } finally {
      await squared;
    }
    if (this.#differences && theirs) await algebra.accumulate(this.#differences, theirs, x, count);
    this.#tokens += count;
  }

  /** Hands the arrays over. */
  result(): StageStatistics {
    const { needs, streamColumns } = this.#options;
    return {
      tokens: this.#tokens,
      absmax: this.#absmax,
      ...(this.#hessian ? { hessian: this.#hessian.data } : {}),
      ...(this.#differences ? { [streamColumns === undefined ? 'cross' : 'residual']: this.#differences.data } : {}),
      ...(needs.inputRows > 0 ? { inputs: this.#inputs } : {}),
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
    if (!Number.isFinite(sum)) this.#checkFinite(window, x, 'inputs');
  }

  #keepRows(x: Float32Array, count: number): void {
    const { columns } = this.#options;
    for (; this.#kept < this.#sampled.length; this.#kept++) {
      const row = this.#sampled[this.#kept] - this.#tokens;
      if (row >= count) return;
      this.#inputs.set(x.subarray(row * columns, (row + 1) * columns), this.#kept * columns);
    }
  }

  #checkFinite(window: number, values: Float32Array, kind: 'inputs' | 'stream'): void {
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at === -1) return;
    const { layer, stage, columns: inputColumns, streamColumns = inputColumns } = this.#options;
    const [what, columns] = kind === 'inputs' ? ['input of', inputColumns] : ['residual stream after', streamColumns];
    const token = Math.floor(at / columns);
    const linears = stageLinears[stage].map(({ module }) => module.replace(/^.*\./, '')).join(', ');
    throw new InputError(
      `layer ${layer}: the ${what} ${linears} is ${values[at]} at token ${token} of calibration window ${window}`,
      {
        code: 'E_NON_FINITE_ACTIVATION',
        hint: 'activations overflow f32: the weights may be damaged, or config.json may belong to another model',
        details: { layer, stage, window, token, channel: at % columns, value: String(values[at]) },
      },
    );
  }
}

/** `target -= values`. @returns whether all of it is finite */
function subtract(target: Float32Array, values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < target.length; i++) sum += target[i] -= values[i];
  return Number.isFinite(sum);
}
