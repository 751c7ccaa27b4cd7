import fc from 'fast-check';
import { referenceLinearAlgebra as algebra } from '../../kernels/reference/linear-algebra.ts';
import { Random } from '../../kernels/verify/random.ts';
import { prepareHessian, type HessianOptions, type PreparedHessian } from './hessian.ts';

/** Inputs of a layer, one vector `[columns]` a token. */
export type Inputs = readonly Float64Array[];

export const published: HessianOptions = { damping: 0.01, activationOrder: false };

/** Correlated inputs of very different sizes: each is a mix of its neighbour and of noise; `dead` columns are 0. */
export function correlatedInputs(columns: number, tokens: number, seed: number, dead: readonly number[] = []): Inputs {
  const random = new Random(seed);
  const sizes = Array.from({ length: columns }, () => 2 ** (4 * random.uniform() - 2));
  return Array.from({ length: tokens }, () => {
    let last = 0;
    const sample = Float64Array.from(sizes, (size) => (last = 0.8 * last + random.uniform() - 0.5) * size);
    dead.forEach((k) => (sample[k] = 0));
    return sample;
  });
}

/** Σ y · xᵀ over tokens, `[columns, columns]`. */
export function outerProducts(ys: Inputs, xs: Inputs, columns: number): Float64Array {
  const sum = new Float64Array(columns * columns);
  ys.forEach((y, t) => {
    for (let i = 0; i < columns; i++) {
      for (let j = 0; j < columns; j++) sum[i * columns + j] += y[i] * xs[t][j];
    }
  });
  return sum;
}

export const gram = (inputs: Inputs, columns: number): Float64Array => outerProducts(inputs, inputs, columns);

export async function prepared(
  values: Float64Array,
  columns: number,
  options: HessianOptions = published,
): Promise<PreparedHessian> {
  const hessian = await prepareHessian({ columns, values }, options, algebra);
  if (!hessian) throw new Error('no factor');
  return hessian;
}

/** Weights that f32 holds, a few larger than the others, none of them -0. */
export function sampleWeights(rows: number, columns: number, seed: number): Float64Array {
  const random = new Random(seed);
  return Float64Array.from({ length: rows * columns }, () => {
    const value = Math.fround(random.uniform() + random.uniform() + random.uniform() - 1.5);
    return (random.below(20) === 0 ? 4 * value : value) + 0;
  });
}

/** Σ over tokens of (row · x)² for each row `[columns]` of `delta`. */
export function outputErrors(delta: Float64Array, inputs: Inputs, columns: number): number[] {
  return Array.from({ length: delta.length / columns }, (_, n) => {
    const row = delta.subarray(n * columns, (n + 1) * columns);
    return inputs.reduce((sum, x) => sum + row.reduce((output, value, k) => output + value * x[k], 0) ** 2, 0);
  });
}

export interface LayerSample {
  rows: number;
  columns: number;
  inputs: Inputs;
  values: Float64Array;
  weight: Float64Array;
  options: HessianOptions;
}

/** Small layers, often with fewer tokens than columns, so that their Hessian has no full rank, and with dead columns. */
export const layers: fc.Arbitrary<LayerSample> = fc
  .record({
    rows: fc.integer({ min: 1, max: 5 }),
    columns: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(31, 33, 70)),
    tokens: fc.integer({ min: 0, max: 60 }),
    dead: fc.array(fc.nat(), { maxLength: 3 }),
    seed: fc.nat(),
    damping: fc.constantFrom(0.001, 0.01, 0.1),
    activationOrder: fc.boolean(),
  })
  .map(({ rows, columns, tokens, dead, seed, ...options }) => {
    const inputs = correlatedInputs(
      columns,
      tokens,
      seed,
      dead.map((k) => k % columns),
    );
    return {
      rows,
      columns,
      inputs,
      values: gram(inputs, columns),
      weight: sampleWeights(rows, columns, seed + 1),
      options,
    };
  });
