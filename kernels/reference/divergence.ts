import type { Divergence, DivergenceOptions, Tensor, Weight } from '../backend.ts';
import { indexOfLargest } from './argmax.ts';
import { check } from '../check.ts';
import { multiplyRows } from './linear.ts';
import { checkSoftCap, softCapped } from './soft-cap.ts';
import { tensorOf } from './tensor.ts';
import { weightOf } from './weight.ts';

/** Rows whose logits exist at a time, on either side: 32 MiB of f32 for a vocabulary of 131072. */
const ROWS_PER_CHUNK = 64;

/** Logits are f32 as `linear` makes them, all else is float64. */
export async function divergence(
  x: Tensor,
  head: Weight,
  baseX: Tensor,
  baseHead: Weight,
  options: DivergenceOptions = {},
  rowsPerChunk: number = ROWS_PER_CHUNK,
): Promise<Divergence> {
  const operation = 'divergence';
  const [model, base] = [tensorOf(operation, 'x', x), tensorOf(operation, 'baseX', baseX)];
  const [{ source }, { source: baseSource }] = [weightOf(operation, head), weightOf(operation, baseHead)];
  checkDivergence([x, baseX], [head, baseHead], options);
  const { firstRow = 0, softCap } = options;
  const vocabulary = head.outFeatures;
  const divergences = new Float64Array(x.rows - firstRow);
  const sameTop = new Uint8Array(x.rows - firstRow);
  for (let top = firstRow; top < x.rows; top += rowsPerChunk) {
    const count = Math.min(rowsPerChunk, x.rows - top);
    const logitsOf = async ({ values, columns }: typeof model, weight: typeof source): Promise<Float32Array> => {
      const logits = new Float32Array(count * vocabulary);
      await multiplyRows(logits, values.subarray(top * columns, (top + count) * columns), count, weight, 'w8a8');
      return softCap === undefined ? logits : logits.map((logit) => softCapped(logit, softCap));
    };
    const [logits, baseLogits] = [await logitsOf(model, source), await logitsOf(base, baseSource)];
    for (let i = 0; i < count; i++) {
      const row = logits.subarray(i * vocabulary, (i + 1) * vocabulary);
      const baseRow = baseLogits.subarray(i * vocabulary, (i + 1) * vocabulary);
      divergences[top - firstRow + i] = divergenceOf(row, baseRow);
      sameTop[top - firstRow + i] = Number(indexOfLargest(row) === indexOfLargest(baseRow));
    }
  }
  return { divergences, sameTop };
}

interface Shape {
  rows: number;
  columns: number;
}

/** @throws RangeError if shapes and options do not fit together */
export function checkDivergence(
  [x, baseX]: readonly [Shape, Shape],
  [head, baseHead]: readonly [Weight, Weight],
  { firstRow = 0, softCap }: DivergenceOptions,
): void {
  const operation = 'divergence';
  for (const [name, { columns }, { inFeatures }] of [
    ['x', x, head],
    ['baseX', baseX, baseHead],
  ] as const) {
    check(columns === inFeatures, operation, `${name} has ${columns} columns, its head takes ${inFeatures} features`);
  }
  check(x.rows === baseX.rows, operation, `x has ${x.rows} rows, baseX has ${baseX.rows}`);
  check(
    head.outFeatures === baseHead.outFeatures,
    operation,
    `the heads have ${head.outFeatures} and ${baseHead.outFeatures} tokens`,
  );
  const isRow = Number.isInteger(firstRow) && firstRow >= 0 && firstRow < x.rows;
  check(isRow, operation, `the first row is ${firstRow} of ${x.rows}`);
  checkSoftCap(operation, softCap);
}

/**
 * Σ p · ln(p / q) = Σ p (b - m) + ln Σ exp(m) - ln Σ exp(b) with logits m of the model and b of the base, shifted by their
 * largest values so that nothing overflows. As p is normed by the same sum whose logarithm is taken, it is 0 for equal
 * logits, and never less but for its own rounding.
 */
function divergenceOf(logits: Float32Array, baseLogits: Float32Array): number {
  const [top, baseTop] = [logits[indexOfLargest(logits)], baseLogits[indexOfLargest(baseLogits)]];
  let [sum, baseSum, weighted] = [0, 0, 0];
  for (let v = 0; v < logits.length; v++) {
    const [m, b] = [logits[v] - top, baseLogits[v] - baseTop];
    const weight = Math.exp(b);
    sum += Math.exp(m);
    baseSum += weight;
    // A token that the base rules out does not count, even if its logit is -infinity.
    if (weight !== 0) weighted += weight * (b - m);
  }
  return weighted / baseSum + Math.log(sum) - Math.log(baseSum);
}
