import { matrix, type LinearAlgebra } from '../../kernels/linear-algebra.ts';
import { checkLength } from '../schemes/float-rows.ts';
import { groupsPerRow, NonFiniteWeightError, type WeightScheme } from '../schemes/scheme.ts';
import { orderColumns, ranges } from './blocks.ts';
import { descendCodes } from './coordinate-descent.ts';
import { feedErrors } from './error-feedback.ts';
import type { PreparedHessian } from './hessian.ts';
import { inPairs, takingTurns } from './in-pairs.ts';
import { differences, emptyRows, keepBetterRows, roundRows, type QuantizedRows } from './quantized-rows.ts';
import { refitScales } from './refit-scales.ts';
import { rowErrors } from './row-errors.ts';
import { leastWeightedErrorScales } from './weighted-scales.ts';

export { prepareHessian, type Hessian, type HessianOptions, type PreparedHessian } from './hessian.ts';

/**
 * Rows of one piece of work. They do not depend on each other, so that this bounds the memory: a few arrays of f64,
 * `[256, columns]`, of two pieces at a time.
 */
const ROWS = 256;

export interface GptqOptions {
  /**
   * What the squared errors are weighted by that a group's scale is chosen by: nothing, and the scheme's clip decides, or
   * the diagonal of the Hessian, which replaces it (`leastWeightedErrorScales`). Default: none.
   */
  clipWeights?: 'none' | 'diagonal';
  /** Sweeps of coordinate descent over codes and scales afterwards, at most; default 0. */
  refine?: number;
  signal?: AbortSignal | undefined;
}

export interface GptqResult {
  /** `[rows, columns]`, one code an element, also at 4 bits. */
  codes: Int8Array;
  /** `[rows, groupsPerRow(columns, groupSize)]` */
  scales: Float32Array;
  /** ‖ΔW · X‖² = tr(ΔW · H · ΔWᵀ) of what is returned. */
  error: number;
  /** The same of `quantizeRows`, never less. */
  roundingError: number;
}

/**
 * GPTQ (arXiv 2210.17323) with static groups: scales are chosen before the first column is rounded, from weights whose
 * dead columns are 0. Each row is the better one of that and of plain rounding by its error on the inputs; where they
 * are equal, as without inputs, it is plain rounding.
 *
 * @param weight `[rows, columns]`; a code is made from the f32 nearest to what GPTQ makes of an element
 * @throws NonFiniteWeightError for an element that f32 does not hold
 * @throws RangeError if lengths do not fit
 */
export async function gptq(
  weight: Float64Array,
  rows: number,
  hessian: PreparedHessian,
  scheme: WeightScheme,
  algebra: LinearAlgebra,
  options: GptqOptions = {},
): Promise<GptqResult> {
  const { columns } = hessian;
  checkLength('gptq', 'weight', weight, rows * columns);
  checkFinite(weight, columns);
  const groups = groupsPerRow(columns, scheme.groupSize);
  const codes = new Int8Array(rows * columns);
  const scales = new Float32Array(rows * groups);
  const errors = new Float64Array(rows);
  const roundingErrors = new Float64Array(rows);
  const shared = takingTurns(algebra);
  await inPairs(ranges(rows, ROWS), async ([from, to]) => {
    const piece = weight.subarray(from * columns, to * columns);
    const quantized = await gptqRows(piece, hessian, scheme, shared, options);
    codes.set(quantized.best.codes, from * columns);
    scales.set(
      quantized.best.scales.map((scale) => scale || 1),
      from * groups,
    );
    errors.set(quantized.errors, from);
    roundingErrors.set(quantized.roundingErrors, from);
  });
  return { codes, scales, error: sum(errors), roundingError: sum(roundingErrors) };
}

/** A few rows, and the error of each. */
async function gptqRows(
  weight: Float64Array,
  hessian: PreparedHessian,
  scheme: WeightScheme,
  algebra: LinearAlgebra,
  { clipWeights = 'none', refine = 0, signal }: GptqOptions,
): Promise<{ best: QuantizedRows; errors: Float64Array; roundingErrors: Float64Array }> {
  const { columns, order, dead } = hessian;
  const rows = weight.length / columns;
  const errorsOf = (quantized: QuantizedRows): Promise<Float64Array> =>
    rowErrors(matrix(differences(weight, quantized), rows, columns), hessian.values, algebra);

  const best = roundRows(new Float32Array(weight), rows, columns, scheme);
  const errors = await errorsOf(best);
  const roundingErrors = errors.slice();

  const alive = weight.slice();
  for (let k = 0; k < columns; k++) {
    if (dead[k]) for (let i = k; i < alive.length; i += columns) alive[i] = 0;
  }
  const fed = withScales(new Float32Array(alive), rows, hessian, scheme, clipWeights);
  const ordered = matrix(alive, rows, columns);
  orderColumns(ordered, order);
  await feedErrors(ordered, fed, hessian, algebra, signal);
  keepBetterRows(best, errors, fed, await errorsOf(fed));

  if (refine > 0) {
    const refined = { ...best, codes: best.codes.slice(), scales: best.scales.slice() };
    const delta = matrix(differences(weight, refined), rows, columns);
    for (let sweep = 0; sweep < refine; sweep++) {
      const moved = await descendCodes(delta, refined, hessian.values, algebra, signal);
      const refitted = await refitScales(delta, refined, hessian.values, algebra, signal);
      if (!moved && !refitted) break;
    }
    keepBetterRows(best, errors, refined, await errorsOf(refined));
  }
  return { best, errors, roundingErrors };
}

/** Rows whose scales GPTQ starts from. */
function withScales(
  values: Float32Array,
  rows: number,
  { columns, values: { data } }: PreparedHessian,
  scheme: WeightScheme,
  clipWeights: 'none' | 'diagonal',
): QuantizedRows {
  if (clipWeights === 'none') return roundRows(values, rows, columns, scheme);
  const target = emptyRows(rows, columns, scheme);
  const diagonal = Float64Array.from({ length: columns }, (_, k) => data[k * columns + k]);
  leastWeightedErrorScales(values, diagonal, target);
  return target;
}

function checkFinite(weight: Float64Array, columns: number): void {
  const index = weight.findIndex((value) => !Number.isFinite(Math.fround(value)));
  if (index === -1) return;
  const row = Math.floor(index / columns);
  throw new NonFiniteWeightError(row, index - row * columns, weight[index]);
}

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
