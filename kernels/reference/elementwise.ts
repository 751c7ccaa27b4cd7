import type { Tensor } from '../backend.ts';
import { tensorOf, tensorOfShape } from './tensor.ts';

/** `out = gate · sigmoid(gate) · up` in float64, rounded once. */
export function siluMul(out: Tensor, gate: Tensor, up: Tensor): void {
  const { rows, columns, values: gates } = tensorOf('siluMul', 'gate', gate);
  const { values: ups } = tensorOfShape('siluMul', 'up', up, rows, columns);
  const { values } = tensorOfShape('siluMul', 'out', out, rows, columns);
  for (let i = 0; i < values.length; i++) values[i] = (gates[i] / (1 + Math.exp(-gates[i]))) * ups[i];
}

/** `gelu(gate) · up` in float64, rounded once: (1 + tanh u) / 2 is sigmoid(2u), which cancels nothing for u < 0. */
export function geluTanhMul(out: Tensor, gate: Tensor, up: Tensor): void {
  const { rows, columns, values: gates } = tensorOf('geluTanhMul', 'gate', gate);
  const { values: ups } = tensorOfShape('geluTanhMul', 'up', up, rows, columns);
  const { values } = tensorOfShape('geluTanhMul', 'out', out, rows, columns);
  for (let i = 0; i < values.length; i++) {
    const x = gates[i];
    const u = Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
    values[i] = (x / (1 + Math.exp(-2 * u))) * ups[i];
  }
}

/** `out = a + b`, an f32 addition each. */
export function add(out: Tensor, a: Tensor, b: Tensor): void {
  const { rows, columns, values: left } = tensorOf('add', 'a', a);
  const { values: right } = tensorOfShape('add', 'b', b, rows, columns);
  const { values } = tensorOfShape('add', 'out', out, rows, columns);
  for (let i = 0; i < values.length; i++) values[i] = left[i] + right[i];
}
