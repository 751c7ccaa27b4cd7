import type { CrossEntropyOptions, Tensor, Weight } from '../backend.ts';
import { check } from '../check.ts';
import { multiplyRows } from './linear.ts';
import { checkSoftCap, softCapped } from './soft-cap.ts';
import { tensorOf } from './tensor.ts';
import { weightOf } from './weight.ts';

/** Rows whose logits exist at a time: 64 MiB of f32 for a vocabulary of 131072. */
const ROWS_PER_CHUNK = 128;

/**
 * Negative log-likelihood in nats of `targets[i]` after row i of x; 0 for a target of -1. Logits are f32 as `linear`
 * makes them (activations of integer heads are quantized also in a single row), the log-sum-exp is float64.
 */
export async function crossEntropy(
  x: Tensor,
  head: Weight,
  targets: Int32Array,
  { softCap }: CrossEntropyOptions = {},
  rowsPerChunk: number = ROWS_PER_CHUNK,
): Promise<Float64Array> {
  const operation = 'crossEntropy';
  const { rows, columns, values } = tensorOf(operation, 'x', x);
  const { source, inFeatures, outFeatures: vocabulary } = weightOf(operation, head);
  checkSoftCap(operation, softCap);
  check(columns === inFeatures, operation, `x has ${columns} columns, the head takes ${inFeatures} features`);
  check(targets.length === rows, operation, `${rows} rows need as many targets, not ${targets.length}`);
  targets.forEach((target) => {
    check(target >= -1 && target < vocabulary, operation, `target ${target} is outside the ${vocabulary} tokens`);
  });
  const losses = new Float64Array(rows);
  const logits = new Float32Array(Math.min(rows, rowsPerChunk) * vocabulary);
  for (let first = 0; first < rows; first += rowsPerChunk) {
    const count = Math.min(rowsPerChunk, rows - first);
    const chunk = values.subarray(first * columns, (first + count) * columns);
    await multiplyRows(logits, chunk, count, source, 'w8a8');
    for (let i = 0; i < count; i++) {
      const target = targets[first + i];
      if (target === -1) continue;
      const row = logits.subarray(i * vocabulary, (i + 1) * vocabulary);
      if (softCap !== undefined) for (let v = 0; v < vocabulary; v++) row[v] = softCapped(row[v], softCap);
      losses[first + i] = logSumExp(row) - row[target];
    }
  }
  return losses;
}

/** log Σ exp(v), shifted by the largest value so that nothing overflows. */
function logSumExp(values: Float32Array): number {
  let largest = -Infinity;
  for (const value of values) if (value > largest) largest = value;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - largest);
  return largest + Math.log(sum);
}
