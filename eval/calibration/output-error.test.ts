import fc from 'fast-check';
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

it('counts each token by the size of its outputs, so that none decides alone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(1000), fc.nat(tokens - 1), fc.integer({ min: -8, max: 16 }), async (seed, token, power) => {
      const weights = [weightOf(seed, 5), weightOf(seed + 1, 8)];
      const inputs = randomFloats(tokens * columns, seed + 2);
      const error = await outputErrorOf(backend, inputs, weights, scheme)(ones);
      for (let i = token * columns; i < (token + 1) * columns; i++) inputs[i] *= 2 ** power;
      const massive = await outputErrorOf(backend, inputs, weights, scheme)(ones);
      expect(error).toBeGreaterThan(0);
      expect(Math.abs(massive - error)).toBeLessThan(1e-9 * error);
    }),
    { numRuns: 20 },
  );
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

it('has nothing to say of a token without outputs', async () => {
  const inputs = new Float32Array(tokens * columns);
  expect(await outputErrorOf(backend, inputs, [weightOf(2, 8)], scheme)(ones)).toBe(0);
});
