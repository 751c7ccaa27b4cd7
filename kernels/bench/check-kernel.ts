import type { Backend, LinearOptions, Weight, WeightSource } from '../backend.ts';
import { compareOutputs } from '../verify/compare.ts';
import { Random } from '../verify/random.ts';

/** A kernel whose result is not what it must be is not worth timing. */
export class WrongResultError extends Error {}

/** Rows that the reference multiplies at once: it is as fast for four as for fewer. */
const ROWS = 4;
const SEED = 2;

/**
 * Sums of K terms in f32 in any order are off by about sqrt(K) roundings of 2^-24 relative to their size, as the
 * roundings are as often up as down; a wrong operand changes them altogether.
 */
const roundingTolerance = (terms: number): number => 8 * Math.sqrt(terms) * 2 ** -24;

/**
 * Compares a loaded weight with the reference on a few rows, bit by bit where docs/numerics.md asks for that, and on a
 * single row as decoding multiplies it.
 *
 * @throws WrongResultError
 */
export async function checkKernel(
  backend: Backend,
  weight: Weight,
  reference: Backend,
  source: WeightSource,
  { name, ...options }: { name: string } & LinearOptions,
): Promise<void> {
  const expected = reference.loadWeight(source);
  for (const rows of [ROWS, 1]) {
    const x = new Float32Array(rows * weight.inFeatures);
    new Random(SEED).fillFloats(x, 1);
    const right = await multiply(reference, expected, x, options);
    const found = await multiply(backend, weight, x, options);
    const what = `${name} [${weight.outFeatures}, ${weight.inFeatures}], M = ${rows}`;
    if (source.kind === 'integer' && (rows > 1 || options.decode === 'w8a8'))
      checkBits(right, found, weight.outFeatures, what);
    else checkNorm(right, found, roundingTolerance(weight.inFeatures), what);
  }
}

async function multiply(
  backend: Backend,
  weight: Weight,
  x: Float32Array,
  options: LinearOptions,
): Promise<Float32Array> {
  const rows = x.length / weight.inFeatures;
  const input = backend.upload(rows, weight.inFeatures, x);
  const out = backend.allocate(rows, weight.outFeatures);
  try {
    await backend.linear(out, input, weight, options);
    return backend.download(out);
  } finally {
    for (const handle of [input, out]) backend.release(handle);
  }
}

function checkBits(right: Float32Array, found: Float32Array, columns: number, what: string): void {
  const asOutput = (values: Float32Array) => [{ name: 'out' as const, columns, values }];
  const difference = compareOutputs(asOutput(right), asOutput(found));
  if (!difference) return;
  const { row, column, expected, actual } = difference;
  throw new WrongResultError(`${what}: out[${row}, ${column}] is ${actual.bits}, the reference has ${expected.bits}`);
}

function checkNorm(right: Float32Array, found: Float32Array, tolerance: number, what: string): void {
  let error = 0;
  let size = 0;
  for (let i = 0; i < right.length; i++) {
    error += (right[i] - found[i]) ** 2;
    size += right[i] ** 2;
  }
  const relative = Math.sqrt(error / size);
  if (relative <= tolerance) return;
  throw new WrongResultError(
    `${what}: the error is ${relative.toExponential(1)} of the result, at most ${tolerance.toExponential(1)} is rounding`,
  );
}
