import { describe, expect, it } from 'vitest';
import { randomCodes, randomFloats } from '../../testing/random-arrays.ts';
import type { LoadedIntegerWeight, LinearOptions } from '../backend.ts';
import { openReferenceBackend } from './backend.ts';

/** Lengths that no tile divides, and those of real models: docs/numerics.md, "Cases that every comparison includes". */
const lengths = [1, 2, 7, 33, 127, 129, 513, 576, 896, 1025, 4097];
const rowCounts = [1, 2, 7, 31, 32, 33, 64, 65, 128, 129];

const backend = openReferenceBackend();
const f = Math.fround;

/** docs/numerics.md sections 1, 3 and 4 word for word, with no thought of speed. */
function expectedLinear(x: Float32Array, rows: number, weight: LoadedIntegerWeight): Float32Array {
  const { inFeatures: K, outFeatures: N, codes, scales, groupSize, bias } = weight;
  const isNormal = (value: number): boolean => value >= 2 ** -126 && value < Infinity;
  const rint = (value: number): number => {
    const below = Math.floor(value);
    const rest = value - below;
    return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
  };
  const out = new Float32Array(rows * N);
  for (let m = 0; m < rows; m++) {
    const row = Array.from(x.subarray(m * K, (m + 1) * K));
    const absmax = row.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    const inverse = f(127 / absmax);
    let scale = f(absmax / 127);
    let quantized = row.map((value) => Math.min(127, Math.max(-127, rint(f(value * inverse)))));
    if (!row.every(Number.isFinite) || !isNormal(scale) || !isNormal(inverse)) {
      scale = row.every(Number.isFinite) ? 1 : NaN;
      quantized = row.map(() => 0);
    }
    for (let n = 0; n < N; n++) {
      const sumOf = (begin: number, end: number): number => {
        let sum = 0;
        for (let k = begin; k < end; k++) sum = (sum + Math.imul(quantized[k], codes[n * K + k])) | 0;
        return sum;
      };
      let y: number;
      if (groupSize === 0) {
        y = f(f(f(sumOf(0, K)) * scale) * scales[n]);
      } else {
        const groups = Math.ceil(K / groupSize);
        let r = 0;
        for (let g = 0; g < groups; g++) {
          r = f(r + f(f(sumOf(g * groupSize, Math.min(K, (g + 1) * groupSize))) * scales[n * groups + g]));
        }
        y = f(r * scale);
      }
      out[m * N + n] = bias ? f(y + bias[n]) : y;
    }
  }
  return out;
}

function randomWeight(
  N: number,
  K: number,
  groupSize: number,
  options: { bias?: boolean; bits?: 8 | 4 } = {},
): LoadedIntegerWeight {
  const { bits = 8, bias = true } = options;
  const groups = groupSize === 0 ? 1 : Math.ceil(K / groupSize);
  return {
    kind: 'integer',
    bits,
    outFeatures: N,
    inFeatures: K,
    groupSize,
    codes: bits === 8 ? randomCodes(N * K, N + K) : randomCodes(N * K, N + K, -8, 7),
    scales: randomFloats(N * groups, 3).map((value) => 0.001 + 0.01 * Math.abs(value)),
    bias: bias ? randomFloats(N, 4) : undefined,
  };
}

async function run(x: Float32Array, rows: number, weight: LoadedIntegerWeight): Promise<Float32Array> {
  const out = backend.allocate(rows, weight.outFeatures);
  const input = backend.upload(rows, weight.inFeatures, x);
  // Several rows are quantized without being asked.
  const options: LinearOptions = rows === 1 ? { decode: 'w8a8' } : {};
  await backend.linear(out, input, backend.loadWeight(weight), options);
  return backend.download(out);
}

async function expectSameBits(x: Float32Array, rows: number, weight: LoadedIntegerWeight): Promise<void> {
  const actual = await run(x, rows, weight);
  const expected = expectedLinear(x, rows, weight);
  expect(actual.findIndex((value, i) => !Object.is(value, expected[i]))).toBe(-1);
}

describe('linear with integer weights', () => {
  it.each([0, 32, 64, 128])(
    'gives the bits of docs/numerics.md at all edge lengths, group size %i',
    async (groupSize) => {
      for (const K of lengths) await expectSameBits(randomFloats(33 * K, K), 33, randomWeight(7, K, groupSize));
      for (const N of lengths) await expectSameBits(randomFloats(7 * 33, N), 7, randomWeight(N, 33, groupSize));
      for (const rows of rowCounts)
        await expectSameBits(randomFloats(rows * 129, rows), rows, randomWeight(33, 129, groupSize));
    },
  );

  it('gives them for int4 codes, without bias, and for more rows than a block', async () => {
    await expectSameBits(randomFloats(9 * 577, 1), 9, randomWeight(13, 577, 64, { bits: 4 }));
    await expectSameBits(randomFloats(9 * 577, 1), 9, randomWeight(13, 577, 0, { bits: 4, bias: false }));
    await expectSameBits(randomFloats(513 * 33, 1), 513, randomWeight(5, 33, 32, { bias: false }));
  });

  it.each([0, 2048])('rounds sums beyond 2^24 to nearest even, group size %i', async (groupSize) => {
    const [rows, N, K] = [4, 65, 4097];
    const weight = randomWeight(N, K, groupSize);
    // Rows of extremes, then rows whose sums lie at all distances from what an f32 holds.
    const extremes = [127, -127, -128, 126];
    const nearExtremes = randomCodes(N * K, 6, 120);
    weight.codes = weight.codes.map((_, i) => extremes.at(Math.floor(i / K)) ?? nearExtremes[i]);
    const x = randomFloats(rows * K, 7).map((value) => 0.37 + 0.01 * value);
    x.fill(0.37, 0, K);
    x.fill(-0.37, K, 2 * K);
    await expectSameBits(x, rows, weight);
  });

  it('gives NaN for rows with NaN or infinity, and the bias alone for zero and subnormal rows', async () => {
    const K = 65;
    const weight = randomWeight(6, K, 32);
    const x = randomFloats(6 * K, 8);
    x[3] = NaN;
    x[K + 64] = Infinity;
    x[2 * K] = -Infinity;
    x.fill(0, 3 * K, 4 * K);
    x.fill(1e-41, 4 * K, 5 * K);
    await expectSameBits(x, 6, weight);
    const out = await run(x, 6, weight);
    expect(out.subarray(0, 18).every(Number.isNaN)).toBe(true);
    expect(Array.from(out.subarray(18, 30))).toEqual([...(weight.bias ?? []), ...(weight.bias ?? [])]);
    expect(out.subarray(30).every(Number.isFinite)).toBe(true);
  });

  it.each([0, 64])(
    'multiplies a single row with float activations unless asked otherwise, group size %i',
    async (groupSize) => {
      const [N, K] = [33, 577];
      const weight = randomWeight(N, K, groupSize);
      const x = randomFloats(K, 5);
      const out = backend.allocate(1, N);
      await backend.linear(out, backend.upload(1, K, x), backend.loadWeight(weight));
      const groups = groupSize === 0 ? 1 : Math.ceil(K / groupSize);
      backend.download(out).forEach((value, n) => {
        let expected = weight.bias?.[n] ?? 0;
        for (let k = 0; k < K; k++) {
          const group = groupSize === 0 ? 0 : Math.floor(k / groupSize);
          expected += weight.scales[n * groups + group] * weight.codes[n * K + k] * x[k];
        }
        // One rounding to f32; float64 sums of 577 terms below 2 differ by less than 1e-12.
        expect(Math.abs(value - expected)).toBeLessThanOrEqual(2 ** -24 * Math.abs(expected) + 1e-12);
      });
    },
  );
});
