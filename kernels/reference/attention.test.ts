import { describe, expect, it } from 'vitest';
import { randomFloats } from '../../testing/random-arrays.ts';
import type { AttentionOptions, KvCache } from '../backend.ts';
import { openReferenceBackend } from './backend.ts';

const backend = openReferenceBackend();

interface Sequence {
  rows: number;
  q: Float32Array;
  k: Float32Array;
  v: Float32Array;
}

function randomSequence(rows: number, { heads, kvHeads, headDim }: AttentionOptions): Sequence {
  return {
    rows,
    q: randomFloats(rows * heads * headDim, 1).map((value) => 3 * value),
    k: randomFloats(rows * kvHeads * headDim, 2).map((value) => 3 * value),
    v: randomFloats(rows * kvHeads * headDim, 3),
  };
}

/** Softmax of one query's scores after the other, in float64. */
function expectedAttention(sequence: Sequence, options: AttentionOptions): Float64Array {
  const { rows, q, k, v } = sequence;
  const { heads, kvHeads, headDim, scale, softCap, slidingWindow = Infinity } = options;
  const out = new Float64Array(q.length);
  for (let row = 0; row < rows; row++) {
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor((head * kvHeads) / heads);
      const at = (row * heads + head) * headDim;
      const keyAt = (position: number): number => (position * kvHeads + kvHead) * headDim;
      const first = Math.max(0, row - slidingWindow + 1);
      const scores = Array.from({ length: row + 1 - first }, (_, i) => {
        let score = 0;
        for (let d = 0; d < headDim; d++) score += q[at + d] * k[keyAt(first + i) + d];
        return softCap === undefined ? score * scale : softCap * Math.tanh((score * scale) / softCap);
      });
      const largest = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - largest));
      const total = weights.reduce((sum, weight) => sum + weight);
      weights.forEach((weight, i) => {
        for (let d = 0; d < headDim; d++) out[at + d] += (weight / total) * v[keyAt(first + i) + d];
      });
    }
  }
  return out;
}

async function attend(
  sequence: Sequence,
  options: AttentionOptions,
  cache: KvCache,
  from = 0,
  to = sequence.rows,
): Promise<Float32Array> {
  const { heads, kvHeads, headDim } = options;
  const part = (values: Float32Array, columns: number) =>
    backend.upload(to - from, columns, values.slice(from * columns, to * columns));
  const out = backend.allocate(to - from, heads * headDim);
  const [k, v] = [part(sequence.k, kvHeads * headDim), part(sequence.v, kvHeads * headDim)];
  await backend.attention(out, part(sequence.q, heads * headDim), k, v, cache, options);
  return backend.download(out);
}

function newCache(capacity: number, { kvHeads, headDim }: AttentionOptions): KvCache {
  return backend.createKvCache(capacity, kvHeads, headDim);
}

const optionsOf = (heads: number, kvHeads: number, headDim: number, slidingWindow?: number): AttentionOptions => ({
  heads,
  kvHeads,
  headDim,
  scale: 1 / Math.sqrt(headDim),
  slidingWindow,
});

describe('attention', () => {
  it.each([
    [1, optionsOf(1, 1, 2)],
    [5, optionsOf(3, 3, 6)],
    [37, optionsOf(4, 2, 16)],
    [33, optionsOf(9, 3, 10)],
    [19, optionsOf(5, 1, 8)],
    [37, optionsOf(4, 2, 16, 1)],
    [37, optionsOf(4, 2, 16, 2)],
    [37, optionsOf(2, 2, 16, 7)],
    [37, optionsOf(4, 2, 16, 100)],
    [37, { ...optionsOf(4, 2, 16, 7), softCap: 1.5 }],
  ])('equals the plain formula: %i rows, %o', async (rows, options) => {
    const sequence = randomSequence(rows, options);
    const actual = await attend(sequence, options, newCache(rows, options));
    const expected = expectedAttention(sequence, options);
    // One rounding of values below 1; the float64 work before it differs by far less than 1e-12.
    const worst = actual.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i])), 0);
    expect(worst).toBeLessThanOrEqual(2 ** -24 + 1e-12);
  });

  it.each([undefined, 3, 8])('gives the same in parts as at once, sliding window %s', async (slidingWindow) => {
    const options = optionsOf(4, 2, 8, slidingWindow);
    const sequence = randomSequence(23, options);
    const whole = await attend(sequence, options, newCache(23, options));
    const cache = newCache(32, options);
    const parts = [];
    for (const [from, to] of [
      [0, 10],
      [10, 11],
      [11, 12],
      [12, 23],
    ] as const) {
      // prettier-ignore
      parts.push(...(await attend(sequence, options, cache, from, to)));
      expect(cache.length).toBe(to);
    }
    // Float64 sums may be in another order; then a value on the edge between two f32 may fall to either.
    parts.forEach((value, i) => {
      expect(Math.abs(value - whole[i])).toBeLessThanOrEqual(2 ** -23 * Math.abs(whole[i]) + 1e-12);
    });
  });

  it('lets no query see what comes after it or before its window, not even a NaN', async () => {
    const options = optionsOf(2, 1, 4, 6);
    const sequence = randomSequence(20, options);
    const clean = await attend(sequence, options, newCache(20, options));
    sequence.v.fill(NaN, 9 * 4, 10 * 4);
    sequence.k.fill(NaN, 9 * 4, 10 * 4);
    const dirty = await attend(sequence, options, newCache(20, options));
    expect(dirty.subarray(0, 9 * 8)).toEqual(clean.subarray(0, 9 * 8));
    expect(dirty.subarray(9 * 8, 15 * 8).every(Number.isNaN)).toBe(true);
    expect(dirty.subarray(15 * 8)).toEqual(clean.subarray(15 * 8));
  });

  it('refuses what does not fit', async () => {
    const options = optionsOf(4, 2, 8);
    const sequence = randomSequence(5, options);
    await expect(attend(sequence, options, newCache(4, options))).rejects.toThrow("5 rows after 0 pass the cache's 4");
    await expect(attend(sequence, options, backend.createKvCache(8, 2, 4))).rejects.toThrow(
      'the cache holds 2 heads of 4, not 2 of 8',
    );
    await expect(attend(sequence, { ...options, heads: 3 }, newCache(8, options))).rejects.toThrow(RangeError);
    await expect(attend(sequence, { ...options, slidingWindow: 0 }, newCache(8, options))).rejects.toThrow(RangeError);
    await expect(attend(sequence, { ...options, softCap: 0 }, newCache(8, options))).rejects.toThrow(RangeError);
  });
});
