import type { RopeOptions, Tensor } from '../backend.ts';
import { check, checkSize } from '../check.ts';
import { tensorOf } from './tensor.ts';

/** @throws RangeError if heads do not fit `columns`, or frequencies the heads */
export function checkRope(columns: number, { headDim, inverseFrequencies }: RopeOptions): void {
  checkSize('rope', 'headDim', headDim);
  check(headDim % 2 === 0, 'rope', `headDim ${headDim} is odd`);
  check(columns % headDim === 0, 'rope', `x has ${columns} columns, not a multiple of headDim ${headDim}`);
  const half = headDim / 2;
  check(inverseFrequencies.length === half, 'rope', `needs ${half} frequencies, not ${inverseFrequencies.length}`);
}

/**
 * Rotates each pair (i, i + headDim / 2) of each head by position · inverseFrequencies[i]. As in transformers the angle
 * is an f32 product, and cos and sin are f32 (here: of the float64 functions) before they are scaled and multiplied.
 */
export function rope(x: Tensor, options: RopeOptions): void {
  const { headDim, firstPosition, inverseFrequencies, attentionFactor } = options;
  const { rows, columns, values } = tensorOf('rope', 'x', x);
  checkRope(columns, options);
  const half = headDim / 2;
  const cosines = new Float32Array(half);
  const sines = new Float32Array(half);
  for (let row = 0; row < rows; row++) {
    inverseFrequencies.forEach((frequency, i) => {
      const angle = Math.fround((firstPosition + row) * frequency);
      cosines[i] = Math.fround(Math.cos(angle)) * attentionFactor;
      sines[i] = Math.fround(Math.sin(angle)) * attentionFactor;
    });
    for (let head = row * columns; head < (row + 1) * columns; head += headDim) {
      rotate(values.subarray(head, head + headDim), cosines, sines);
    }
  }
}

function rotate(head: Float32Array, cosines: Float32Array, sines: Float32Array): void {
  const half = cosines.length;
  for (let i = 0; i < half; i++) {
    const first = head[i];
    const second = head[i + half];
    head[i] = Math.fround(first * cosines[i]) - Math.fround(second * sines[i]);
    head[i + half] = Math.fround(second * cosines[i]) + Math.fround(first * sines[i]);
  }
}
