import type { RmsNormOptions, Tensor } from '../backend.ts';
import { tensorOf, tensorOfShape } from './tensor.ts';

/** `out = x / sqrt(mean(x²) + epsilon) · gain` in float64, rounded once. `out` may be `x`. */
export function rmsNorm(out: Tensor, x: Tensor, gain: Tensor, { epsilon }: RmsNormOptions): void {
  const { rows, columns, values: input } = tensorOf('rmsNorm', 'x', x);
  const { values: output } = tensorOfShape('rmsNorm', 'out', out, rows, columns);
  const { values: gains } = tensorOfShape('rmsNorm', 'gain', gain, 1, columns);
  for (let start = 0; start < input.length; start += columns) {
    let squares = 0;
    for (let i = 0; i < columns; i++) squares += input[start + i] * input[start + i];
    const inverse = 1 / Math.sqrt(squares / columns + epsilon);
    for (let i = 0; i < columns; i++) output[start + i] = input[start + i] * inverse * gains[i];
  }
}
