import type { Tensor } from '../backend.ts';
import { check } from '../check.ts';
import { tensorOf } from './tensor.ts';

/** `x = cap · tanh(x / cap)` in float64, rounded once. */
export function softCap(x: Tensor, cap: number): void {
  checkSoftCap('softCap', cap);
  const { values } = tensorOf('softCap', 'x', x);
  for (let i = 0; i < values.length; i++) values[i] = softCapped(values[i], cap);
}

/** cap · tanh(value / cap), or the value itself without a cap. */
export function softCapped(value: number, cap: number | undefined): number {
  return cap === undefined ? value : cap * Math.tanh(value / cap);
}

/** @throws RangeError */
export function checkSoftCap(operation: string, cap: number | undefined): void {
  check(cap === undefined || (cap > 0 && cap < Infinity), operation, `the soft cap ${cap ?? 0} is not positive`);
}
