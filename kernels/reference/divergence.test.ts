import { describe, expect, it } from 'vitest';
import { randomCodes, randomFloats } from '../../testing/random-arrays.ts';
import type { WeightSource } from '../backend.ts';
import { openReferenceBackend } from './backend.ts';
import { divergence } from './divergence.ts';

const backend = openReferenceBackend();
const [rows, K, baseK, vocabulary] = [11, 24, 20, 37];
const x = randomFloats(rows * K, 1).map((value) => 4 * value);
const data = randomFloats(vocabulary * K, 2);
// The base lacks the last features, so that it agrees with the model in some rows.
const [baseX, baseData] = [x, data].map((values) => values.filter((_, i) => i % K < baseK));
const dense: WeightSource = { kind: 'dense', dtype: 'F32', data, outFeatures: vocabulary, inFeatures: K };
const integer: WeightSource = {
  kind: 'integer',
  bits: 8,
  codes: randomCodes(vocabulary * baseK, 3),
  groupSize: 0,
  scales: new Float32Array(vocabulary).fill(0.01),
  outFeatures: vocabulary,
  inFeatures: baseK,
};
const baseDense: WeightSource = { ...dense, data: baseData, inFeatures: baseK };
const input = backend.upload(rows, K, x);
const baseInput = backend.upload(rows, baseK, baseX);
const head = backend.loadWeight(dense);
const baseHead = backend.loadWeight(baseDense);

/** Softmax of one row in float64. */
function probabilities(values: Float32Array, weights: Float32Array, k: number, row: number, cap?: number): number[] {
  const logits = Array.from({ length: vocabulary }, (_, v) => {
    let logit = 0;
    for (let i = 0; i < k; i++) logit += values[row * k + i] * weights[v * k + i];
    return cap === undefined ? logit : cap * Math.tanh(logit / cap);
  });
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
  return logits.map((logit) => Math.exp(logit) / sum);
}

const indexOfLargest = (values: readonly number[]): number => values.indexOf(Math.max(...values));

describe('divergence', () => {
  it.each([undefined, 5])('equals the plain formula in float64, soft cap %s', async (softCap) => {
    const { divergences, sameTop } = await backend.divergence(input, head, baseInput, baseHead, { softCap });
    expect(divergences).toHaveLength(rows);
    divergences.forEach((actual, row) => {
      const q = probabilities(x, data, K, row, softCap);
      const p = probabilities(baseX, baseData, baseK, row, softCap);
      const expected = p.reduce((sum, value, v) => sum + value * Math.log(value / q[v]), 0);
      // Logits below 100 are rounded to f32; each moves the logarithms by no more than that.
      expect(Math.abs(actual - expected)).toBeLessThanOrEqual(4 * 2 ** -24 * 100);
      expect(sameTop[row]).toBe(Number(indexOfLargest(p) === indexOfLargest(q)));
    });
    expect(new Set(sameTop)).toEqual(new Set([0, 1]));
  });

  it('is exactly 0 between equal distributions', async () => {
    const { divergences, sameTop } = await backend.divergence(input, head, input, head);
    expect(divergences).toEqual(new Float64Array(rows));
    expect(sameTop).toEqual(new Uint8Array(rows).fill(1));
  });

  it('does not depend on the chunks, and leaves rows out', async () => {
    const quantized = backend.loadWeight(integer);
    const whole = await divergence(input, head, baseInput, quantized, {}, rows);
    expect(await divergence(input, head, baseInput, quantized, {}, 4)).toEqual(whole);
    expect(await divergence(input, head, baseInput, quantized, {}, 5)).toEqual(whole);
    expect(await backend.divergence(input, head, baseInput, quantized, { firstRow: 7 })).toEqual({
      divergences: whole.divergences.slice(7),
      sameTop: whole.sameTop.slice(7),
    });
  });

  it('counts no token that the base rules out', async () => {
    const one = backend.upload(1, 1, Float32Array.of(1));
    const of = (...values: number[]) =>
      backend.loadWeight({
        kind: 'dense',
        dtype: 'F32',
        outFeatures: 3,
        inFeatures: 1,
        data: new Float32Array(3),
        bias: Float32Array.from(values),
      });
    const certain = of(-Infinity, -Infinity, 1);
    const even = of(0, 0, 0);
    expect(await backend.divergence(one, even, one, certain)).toEqual({
      divergences: Float64Array.of(Math.log(3)),
      sameTop: Uint8Array.of(0),
    });
    const { divergences } = await backend.divergence(one, certain, one, even);
    expect(divergences).toEqual(Float64Array.of(Infinity));
  });

  it('refuses what does not fit together', async () => {
    const other = backend.loadWeight({ ...dense, outFeatures: 3, data: data.slice(0, 3 * K) });
    await expect(backend.divergence(input, baseHead, baseInput, baseHead)).rejects.toThrow(
      'x has 24 columns, its head takes 20 features',
    );
    await expect(backend.divergence(input, head, backend.allocate(2, baseK), baseHead)).rejects.toThrow(
      'x has 11 rows, baseX has 2',
    );
    await expect(backend.divergence(input, other, baseInput, baseHead)).rejects.toThrow('3 and 37 tokens');
    await expect(backend.divergence(input, head, baseInput, baseHead, { firstRow: rows })).rejects.toThrow(
      'the first row is 11 of 11',
    );
    await expect(backend.divergence(input, head, baseInput, baseHead, { softCap: 0 })).rejects.toThrow(RangeError);
  });
});
