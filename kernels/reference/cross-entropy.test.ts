import { describe, expect, it } from 'vitest';
import { randomCodes, randomFloats } from '../../testing/random-arrays.ts';
import type { WeightSource } from '../backend.ts';
import { openReferenceBackend } from './backend.ts';
import { crossEntropy } from './cross-entropy.ts';

const backend = openReferenceBackend();
const [rows, K, vocabulary] = [11, 24, 37];
const x = randomFloats(rows * K, 1).map((value) => 20 * value);
const data = randomFloats(vocabulary * K, 2);
const dense: WeightSource = { kind: 'dense', dtype: 'F32', data, outFeatures: vocabulary, inFeatures: K };
const integer: WeightSource = {
  kind: 'integer',
  bits: 8,
  codes: randomCodes(vocabulary * K, 3),
  groupSize: 0,
  scales: new Float32Array(vocabulary).fill(0.01),
  outFeatures: vocabulary,
  inFeatures: K,
};
const targets = Int32Array.from({ length: rows }, (_, row) => (row * 5) % vocabulary);

describe('crossEntropy', () => {
  it.each([undefined, 20])('equals the plain formula in float64, capped by %s', async (softCap) => {
    const capped = (logit: number) => (softCap === undefined ? logit : softCap * Math.tanh(logit / softCap));
    const input = backend.upload(rows, K, x);
    const losses = await backend.crossEntropy(input, backend.loadWeight(dense), targets, { softCap });
    losses.forEach((loss, row) => {
      const logits = Array.from({ length: vocabulary }, (_, v) => {
        let logit = 0;
        for (let k = 0; k < K; k++) logit += x[row * K + k] * data[v * K + k];
        return capped(logit);
      });
      const expected = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[targets[row]];
      // Logits are rounded to f32, a second time where they are capped. The log-sum-exp moves by no more than its largest
      // change, the target by its own.
      const largest = Math.max(...logits.map(Math.abs));
      expect(Math.abs(loss - expected)).toBeLessThanOrEqual(4 * 2 ** -24 * largest + 1e-12);
    });
  });

  it.each([
    ['dense', dense],
    ['integer', integer],
  ])('does not depend on the chunks, a last one of a single row included: %s', async (_, source) => {
    const [input, head] = [backend.upload(rows, K, x), backend.loadWeight(source)];
    const whole = await crossEntropy(input, head, targets, {}, rows);
    expect(await crossEntropy(input, head, targets, {}, 4)).toEqual(whole);
    expect(await crossEntropy(input, head, targets, {}, 5)).toEqual(whole);
    expect(await backend.crossEntropy(input, head, targets)).toEqual(whole);
  });

  it('does not overflow', async () => {
    const input = backend.upload(1, 1, Float32Array.of(1));
    const source = { kind: 'dense', dtype: 'F32', outFeatures: 3, inFeatures: 1 } as const;
    const head = backend.loadWeight({ ...source, data: Float32Array.of(-3e38, 1000, 3e38) });
    expect(await backend.crossEntropy(input, head, Int32Array.of(2))).toEqual(Float64Array.of(0));
  });

  it('skips a target of -1 and refuses others outside the vocabulary', async () => {
    const [input, head] = [backend.upload(rows, K, x), backend.loadWeight(dense)];
    const losses = await backend.crossEntropy(input, head, targets.with(3, -1));
    expect(losses[3]).toBe(0);
    expect(losses.filter((loss) => loss > 0)).toHaveLength(rows - 1);
    await expect(backend.crossEntropy(input, head, targets.with(3, vocabulary))).rejects.toThrow(
      'target 37 is outside the 37 tokens',
    );
    await expect(backend.crossEntropy(input, head, targets.subarray(1))).rejects.toThrow(
      '11 rows need as many targets, not 10',
    );
  });
});
