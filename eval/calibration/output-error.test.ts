import { afterAll, expect, it } from 'vitest';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import type { StageWeight } from '../../quant/methods/calibration.ts';
import type { WeightScheme } from '../../quant/schemes/scheme.ts';
import { randomFloats } from '../../testing/random-arrays.ts';
import { outputErrorOf } from './output-error.ts';

const backend = openReferenceBackend();
const scheme: WeightScheme = { bits: 8, groupSize: 0, clip: { kind: 'minmax' } };
const [tokens, columns] = [6, 16];
const ones = new Float32Array(columns).fill(1);

afterAll(() => {
  backend.close();
});

const weightOf = (seed: number, outFeatures: number): StageWeight => ({
  module: 'up_proj',
  outFeatures,
  inFeatures: columns,
  values: randomFloats(outFeatures * columns, seed),
  bias: undefined,
});

it('is the sum of squared errors of all outputs', async () => {
  const weights = [weightOf(3, 5), weightOf(4, 8)];
  const inputs = randomFloats(tokens * columns, 5);
  const [first, second, both] = [[weights[0]], [weights[1]], weights].map((some) =>
    outputErrorOf(backend, inputs, some, scheme)(ones),
  );
  expect(await first).toBeGreaterThan(0);
  expect(await both).toBeCloseTo((await first) + (await second), 12);
  const doubled = outputErrorOf(
    backend,
    inputs.map((x) => 2 * x),
    weights,
    scheme,
  );
  expect(await doubled(ones)).toBeCloseTo(4 * (await both), 12);
});

it('is less where factors take an outlier out of the activations', async () => {
  const outlier = 50;
  const inputs = randomFloats(tokens * columns, 1);
  const weight = weightOf(2, 8);
  for (let i = 3; i < inputs.length; i += columns) inputs[i] *= outlier;
  for (let i = 3; i < weight.values.length; i += columns) weight.values[i] /= outlier;
  const errorOf = outputErrorOf(backend, inputs, [weight], scheme);
  const factors = ones.map((one, channel) => (channel === 3 ? outlier : one));
  expect(await errorOf(factors)).toBeLessThan(0.1 * (await errorOf(ones)));
});

it('is 0 where all inputs are', async () => {
  const inputs = new Float32Array(tokens * columns);
  expect(await outputErrorOf(backend, inputs, [weightOf(2, 8)], scheme)(ones)).toBe(0);
});
