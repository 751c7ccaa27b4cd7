import { afterAll, describe, expect, it } from 'vitest';
import { nativeLibraryForTests, needNativeLibrary } from '../testing/native-library.ts';
import { randomCodes, randomFloats } from '../testing/random-arrays.ts';
import { quantizeRows } from '../quant/schemes/quantize-rows.ts';
import { groupSizes, type FloatRows } from '../quant/schemes/scheme.ts';
import type { LoadedAffineWeight, Backend, LoadedIntegerWeight, Tensor, WeightSource } from './backend.ts';
import { openNativeBackend } from './native/backend.ts';
import { openReferenceBackend } from './reference/backend.ts';
import { narrowBf16, narrowF16 } from './reference/float-formats.ts';
import { groupCount } from './reference/product.ts';

// Every operation of the library against the reference: bit by bit where docs/numerics.md prescribes the bits, within what
// roundings of f32 can do elsewhere. The reference computes the latter in float64 and rounds once.

/** Half an ulp of 1 in f32: the relative error of one operation. */
const U = 2 ** -24;

const library = nativeLibraryForTests();
const reference = openReferenceBackend();

/** Each instruction set, each with one and with several threads. */
const devices = (library?.isas('cpu') ?? []).flatMap((isa) => [1, 3].map((threads) => ({ isa, threads })));

/** Sizes around those of tiles and vectors. */
const shapes = [
  [1, 1, 1],
  [1, 33, 129],
  [2, 7, 64],
  [7, 129, 33],
  [33, 127, 513],
  [65, 1025, 127],
  [129, 31, 576],
] as const;

function expectBits(actual: ArrayBufferView, expected: ArrayBufferView): void {
  const bits = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
    Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
  expect(bits(actual).equals(bits(expected))).toBe(true);
}

function expectWithin(actual: ArrayLike<number>, expected: ArrayLike<number>, bound: (i: number) => number): void {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < actual.length; i++) worst = Math.max(worst, Math.abs(actual[i] - expected[i]) / bound(i));
  expect(worst).toBeLessThanOrEqual(1);
}

/** Rows of every kind that quantization tells apart, over and over. */
function activations(rows: number, columns: number): Float32Array {
  const x = randomFloats(rows * columns, rows + columns);
  const special = [1, 0, 1e-42, 1e30, NaN, Infinity, 3e-39];
  for (let row = 0; row < rows; row++) {
    const kind = special[row % special.length];
    for (let k = 0; k < columns; k++) {
      if (Number.isFinite(kind)) x[row * columns + k] *= kind;
      else if (k === columns - 1) x[row * columns + k] = kind;
    }
  }
  return x;
}

function integerWeight(n: number, k: number, bits: 8 | 4, groupSize: number, hasBias = false): LoadedIntegerWeight {
  const [min, max] = bits === 8 ? [-127, 127] : [-8, 7];
  return {
    kind: 'integer',
    bits,
    codes: randomCodes(n * k, 3, min, max),
    groupSize,
    scales: randomFloats(n * groupCount(k, groupSize), 4).map((scale) => Math.abs(scale) + 1e-3),
    outFeatures: n,
    inFeatures: k,
    bias: hasBias ? randomFloats(n, 5) : undefined,
  };
}

function affineWeight(n: number, k: number, bits: 8 | 4, groupSize: number): LoadedAffineWeight {
  const groups = n * groupCount(k, groupSize);
  return {
    kind: 'affine',
    bits,
    codes: new Uint8Array(randomCodes(n * k, 6, 0, bits === 8 ? 127 : 15)),
    groupSize,
    scales: randomFloats(groups, 7),
    biases: randomFloats(groups, 8),
    outFeatures: n,
    inFeatures: k,
  };
}

async function multiply(
  backend: Backend,
  x: Float32Array,
  source: WeightSource,
  decode: 'w8a8' | 'w8a16' = 'w8a16',
): Promise<Float32Array> {
  const { outFeatures: n, inFeatures: k } = source;
  const rows = x.length / k;
  const [input, out, weight] = [backend.upload(rows, k, x), backend.allocate(rows, n), backend.loadWeight(source)];
  await backend.linear(out, input, weight, { decode });
  const result = backend.download(out);
  for (const handle of [input, out, weight]) backend.release(handle);
  return result;
}

/** `Σ_k |x[m, k]| · size(n, k)` for each output: what errors of a sum are relative to. */
function magnitudes(x: Float32Array, n: number, k: number, size: (n: number, k: number) => number): Float64Array {
  return Float64Array.from({ length: (x.length / k) * n }, (_, i) => {
    const [row, column] = [Math.floor(i / n), i % n];
    let sum = 0;
    for (let j = 0; j < k; j++) sum += Math.abs(x[row * k + j]) * size(column, j);
    return sum;
  });
}

describe('the native library', () => {
  it.skipIf(!library)('runs at least plain code', () => {
    expect(library?.isas('cpu').at(-1)).toBe('generic');
    expect(library?.cpuFeatures).not.toContain('');
  });
});

describe.each(devices)('the cpu backend on $isa with $threads threads', ({ isa, threads }) => {
  const native = openNativeBackend(needNativeLibrary(), { isa, threads });
  afterAll(() => {
    native.close();
  });
  const both = [reference, native] as const;

  it('says what it is', () => {
    expect(native.info).toEqual({ name: 'cpu', isa, threads });
  });

  describe('bit for bit', () => {
    it.each(shapes)('quantizes activations [%i, …], columns %i and %i', (rows, n, k) => {
      for (const columns of [n, k]) {
        const [expected, actual] = both.map((backend) =>
          backend.quantizePerToken(backend.upload(rows, columns, activations(rows, columns))),
        );
        expectBits(actual.codes, expected.codes);
        // Which NaN a scale is, is nobody's business.
        expect(actual.scales).toEqual(expected.scales);
      }
    });

    it.each(shapes)('multiplies int8: M %i, N %i, K %i', (m, n, k) => {
      const [a, b] = [randomCodes(m * k + 1, 1, -128, 127).subarray(1), randomCodes(n * k, 2, -128, 127)];
      expectBits(native.matmulInt8(a, b, m, n, k), reference.matmulInt8(a, b, m, n, k));
      a.fill(-128);
      b.fill(-128);
      expect(native.matmulInt8(a, b, m, n, k).every((sum) => sum === 16384 * k)).toBe(true);
    });

    it.each(shapes)('multiplies W8A8 and W4A8 layers: M %i, N %i, K %i', async (m, n, k) => {
      const x = activations(m, k);
      for (const bits of [8, 4] as const) {
        for (const groupSize of [0, 32, 128]) {
          const weight = integerWeight(n, k, bits, groupSize, groupSize === 32);
          const [expected, actual] = await Promise.all(both.map((backend) => multiply(backend, x, weight, 'w8a8')));
          expect(actual).toEqual(expected);
        }
      }
    });

    it.each(['F32', 'F16', 'BF16'] as const)('quantizes weights in %s', async (dtype) => {
      const [rows, columns] = [7, 515];
      const values = randomFloats(rows * columns, 9).map((value, i) => value * (i % columns < 40 ? 1e-39 : 1));
      values.fill(0, columns, 2 * columns);
      const narrow = { F16: narrowF16, BF16: narrowBf16 };
      const data = dtype === 'F32' ? values : Uint16Array.from(values, narrow[dtype]);
      for (const bits of [8, 4] as const) {
        for (const groupSize of groupSizes) {
          const source: FloatRows = { dtype, data, rows, columns };
          const [expected, actual] = [emptyCodes(source, groupSize), emptyCodes(source, groupSize)];
          quantizeRows(source, { bits, groupSize, clip: { kind: 'minmax' } }, expected.codes, expected.scales);
          await native.quantizeRows({ ...source, bits, groupSize }, actual.codes, actual.scales);
          expectBits(actual.codes, expected.codes);
          expectBits(actual.scales, expected.scales);
        }
      }
    });
  });

  describe('within the roundings of f32', () => {
    it.each(shapes)('multiplies float weights: M %i, N %i, K %i', async (m, n, k) => {
      const x = randomFloats(m * k, 1);
      const values = randomFloats(n * k, 2);
      const sizes = magnitudes(x, n, k, (row, column) => Math.abs(values[row * k + column]));
      const sources = {
        F32: values,
        F16: Uint16Array.from(values, narrowF16),
        BF16: Uint16Array.from(values, narrowBf16),
      };
      for (const dtype of ['F32', 'F16', 'BF16'] as const) {
        const bias = dtype === 'F16' ? randomFloats(n, 3) : undefined;
        const weight = { kind: 'dense', dtype, data: sources[dtype], outFeatures: n, inFeatures: k, bias } as const;
        const [expected, actual] = await Promise.all(both.map((backend) => multiply(backend, x, weight)));
        // K products and sums, the bias, the rounding of the reference; narrow weights are at most 2^-8 larger.
        expectWithin(actual, expected, (i) => (k + 3) * U * (1.01 * sizes[i] + Math.abs(expected[i]) + 1));
      }
    });

    it.each(shapes)('multiplies weight-only codes: M %i, N %i, K %i', async (m, n, k) => {
      const x = randomFloats(m * k, 1);
      for (const [bits, groupSize] of [
        [8, 64],
        [4, 32],
        [4, 0],
      ] as const) {
        const weight = affineWeight(n, k, bits, groupSize);
        const groups = groupCount(k, groupSize);
        const sizes = magnitudes(x, n, k, (row, column) => {
          const at = row * groups + (groupSize === 0 ? 0 : Math.floor(column / groupSize));
          return Math.abs(weight.scales[at]) * weight.codes[row * k + column] + Math.abs(weight.biases[at]);
        });
        const [expected, actual] = await Promise.all(both.map((backend) => multiply(backend, x, weight)));
        // Widening takes two more roundings an element.
        expectWithin(actual, expected, (i) => (k + 5) * U * sizes[i] + Number.MIN_VALUE);
      }
    });

    it.each(shapes)('decodes integer weights with float activations: N %$, K %$', async (_, n, k) => {
      const x = randomFloats(k, 1);
      for (const [bits, groupSize] of [
        [8, 0],
        [8, 32],
        [4, 128],
      ] as const) {
        const weight = integerWeight(n, k, bits, groupSize);
        const groups = groupCount(k, groupSize);
        const sizes = magnitudes(x, n, k, (row, column) => {
          const scale = weight.scales[row * groups + (groupSize === 0 ? 0 : Math.floor(column / groupSize))];
          return scale * Math.abs(weight.codes[row * k + column]);
        });
        const [expected, actual] = await Promise.all(both.map((backend) => multiply(backend, x, weight)));
        expectWithin(actual, expected, (i) => (k + groups + 3) * U * sizes[i] + Number.MIN_VALUE);
      }
    });

    it.each([1, 7, 64, 129, 1025])('norms rows of %i', (columns) => {
      const rows = 5;
      const x = randomFloats(rows * columns, 1);
      const gain = randomFloats(columns, 2);
      const [expected, actual] = both.map((backend) => {
        const input = backend.upload(rows, columns, x);
        backend.rmsNorm(input, input, backend.upload(1, columns, gain), { epsilon: 1e-6 });
        return backend.download(input);
      });
      // The sum of squares is off by K roundings at most, its root by half as many; then root, division, two products.
      expectWithin(actual, expected, (i) => (columns / 2 + 6) * U * Math.abs(expected[i]) + Number.MIN_VALUE);
    });

    it('rotates heads', () => {
      const [rows, headDim] = [9, 26];
      const x = randomFloats(rows * 3 * headDim, 1);
      const inverseFrequencies = Float32Array.from({ length: headDim / 2 }, (_, i) => 10000 ** ((-2 * i) / headDim));
      for (const [firstPosition, attentionFactor] of [
        [0, 1],
        [4093, 1.3],
      ]) {
        const options = { headDim, firstPosition, inverseFrequencies, attentionFactor };
        const [expected, actual] = both.map((backend) => {
          const tensor = backend.upload(rows, 3 * headDim, x);
          backend.rope(tensor, options);
          return backend.download(tensor);
        });
        // |x| < 1; cos and sin within 2 ulp, their scaling, two products and a sum, all of numbers up to the factor.
        expectWithin(actual, expected, () => 12 * U * attentionFactor);
      }
    });

    it('adds, and multiplies by the sigmoid and by GELU', () => {
      const [rows, columns] = [3, 1025];
      const a = randomFloats(rows * columns, 1).map((value, i) => value * (i % 7 === 0 ? 100 : 4));
      const b = randomFloats(rows * columns, 2);
      const run = (backend: Backend, name: 'add' | 'siluMul' | 'geluTanhMul'): Float32Array => {
        const [left, right] = [backend.upload(rows, columns, a), backend.upload(rows, columns, b)];
        backend[name](left, left, right);
        return backend.download(left);
      };
      expectBits(run(native, 'add'), run(reference, 'add'));
      const silu = run(reference, 'siluMul');
      // An exponential within 2 ulp, a sum, a division, two products. Below exp(-87) sigmoids may go to 0.
      expectWithin(run(native, 'siluMul'), silu, (i) => 10 * U * Math.abs(silu[i]) + 2 ** -110);
      const gelu = run(reference, 'geluTanhMul');
      // The argument of the exponential is a polynomial of a, off by 4 roundings of itself; beyond 87 it may go to 0.
      expectWithin(run(native, 'geluTanhMul'), gelu, (i) => (10 + 4 * 87) * U * Math.abs(gelu[i]) + 2 ** -110);
    });

    it('caps', () => {
      const [rows, columns] = [3, 1025];
      const x = randomFloats(rows * columns, 1).map((value, i) => value * (i % 7 === 0 ? 200 : 20));
      const [expected, actual] = both.map((backend) => {
        const tensor = backend.upload(rows, columns, x);
        backend.softCap(tensor, 30);
        return backend.download(tensor);
      });
      // A division, tanh within 4 ulp, a product, and the rounding of the reference.
      expectWithin(actual, expected, (i) => 12 * U * Math.abs(expected[i]) + Number.MIN_VALUE);
    });

    it.each([
      { heads: 4, kvHeads: 2, headDim: 16, slidingWindow: undefined },
      { heads: 3, kvHeads: 3, headDim: 20, slidingWindow: 5 },
      { heads: 8, kvHeads: 1, headDim: 64, slidingWindow: undefined },
      { heads: 4, kvHeads: 2, headDim: 32, slidingWindow: 9, softCap: 0.5 },
    ])('attends: $heads heads on $kvHeads of $headDim, window $slidingWindow, cap $softCap', async (shape) => {
      const { heads, kvHeads, headDim } = shape;
      const scale = 1 / Math.sqrt(headDim);
      const pieces = [37, 1, 66, 1];
      const results = await Promise.all(
        both.map(async (backend) => {
          const cache = backend.createKvCache(105, kvHeads, headDim);
          const outputs: Float32Array[] = [];
          for (const [piece, rows] of pieces.entries()) {
            const make = (columns: number, seed: number): Tensor =>
              backend.upload(rows, columns, randomFloats(rows * columns, 10 * piece + seed));
            const [q, k, v] = [make(heads * headDim, 1), make(kvHeads * headDim, 2), make(kvHeads * headDim, 3)];
            const out = backend.allocate(rows, heads * headDim);
            await backend.attention(out, q, k, v, cache, { ...shape, scale });
            outputs.push(backend.download(out));
          }
          expect(cache.length).toBe(105);
          return outputs;
        }),
      );
      const [expected, actual] = results;
      // A score of d products of numbers below 1 is off by (d + 1) · d · U before it is scaled, a weight by twice that,
      // and the sum of 105 weighted values, each below 1, by as many roundings. A cap magnifies nothing, and adds 11 U
      // of itself.
      const bound = (2 * (headDim + 1) * headDim * scale + 105 + 16) * U;
      expected.forEach((values, i) => {
        expectWithin(actual[i], values, () => bound);
      });
    });

    it('scores tokens', async () => {
      const [rows, k, vocabulary] = [37, 65, 1031];
      const x = randomFloats(rows * k, 1);
      const targets = Int32Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? -1 : (i * 29) % vocabulary));
      const data = randomFloats(vocabulary * k, 2);
      const heads: WeightSource[] = [
        {
          kind: 'dense',
          dtype: 'BF16',
          data: Uint16Array.from(data, narrowBf16),
          outFeatures: vocabulary,
          inFeatures: k,
        },
        integerWeight(vocabulary, k, 8, 0),
        affineWeight(vocabulary, k, 4, 32),
      ];
      for (const source of heads) {
        for (const [count, softCap] of [[rows], [1], [rows, 3]]) {
          const [expected, actual] = await Promise.all(
            both.map((backend) => {
              const input = backend.upload(count, k, x.slice(0, count * k));
              return backend.crossEntropy(input, backend.loadWeight(source), targets.slice(rows - count), { softCap });
            }),
          );
          // Logits are sums of k products; those of codes reach some hundreds, the losses with them.
          const largest = source.kind === 'dense' ? k : k * 16;
          expectWithin(actual, expected, () => 4 * (k + 8) * U * largest);
        }
      }
    });

    it('compares two models', async () => {
      const [rows, k, baseK, vocabulary] = [37, 65, 33, 1031];
      const [x, baseX] = [randomFloats(rows * k, 1), randomFloats(rows * baseK, 2)];
      const data = randomFloats(vocabulary * k, 3);
      const base: WeightSource = integerWeight(vocabulary, baseK, 8, 0);
      const shape = { outFeatures: vocabulary, inFeatures: k };
      for (const options of [{}, { firstRow: 36 }, { firstRow: 5, softCap: 2 }]) {
        const [expected, actual] = await Promise.all(
          both.map((backend) =>
            backend.divergence(
              backend.upload(rows, k, x),
              backend.loadWeight({ kind: 'dense', dtype: 'F32', data, ...shape }),
              backend.upload(rows, baseK, baseX),
              backend.loadWeight(base),
              options,
            ),
          ),
        );
        expect(actual.divergences).toHaveLength(rows - (options.firstRow ?? 0));
        // A logit of the float head is a sum of k products; those of the other are the same bits but for the cap.
        expectWithin(actual.divergences, expected.divergences, () => 4 * (k + 8) * U * k);
        expect(actual.sameTop).toEqual(expected.sameTop);
      }
    });

    it('looks tokens up', () => {
      const [vocabulary, k] = [50, 33];
      const values = randomFloats(vocabulary * k, 1);
      const tokenIds = Int32Array.of(49, 0, 7, 7);
      const tables = {
        F32: values,
        F16: Uint16Array.from(values, narrowF16),
        BF16: Uint16Array.from(values, narrowBf16),
      };
      for (const dtype of ['F32', 'F16', 'BF16'] as const) {
        const [expected, actual] = both.map((backend) => {
          const out = backend.allocate(tokenIds.length, k);
          const shape = { outFeatures: vocabulary, inFeatures: k };
          const table = backend.loadWeight({ kind: 'dense', dtype, data: tables[dtype], ...shape });
          backend.embedding(out, table, tokenIds, { scale: dtype === 'F32' ? 1 : 6.3 });
          return backend.download(out);
        });
        expectBits(actual, expected);
      }
    });

    it('finds and draws tokens', () => {
      const [rows, columns] = [3, 1031];
      const logits = randomFloats(rows * columns, 1).map((value) => Math.fround(Math.round(value * 50) / 5));
      const [expected, actual] = both.map((backend) => {
        const tensor = backend.upload(rows, columns, logits);
        const drawn = [0, 0.3, 0.77, 0.999].flatMap((random) => [
          backend.sample(tensor, { temperature: 0, random }),
          backend.sample(tensor, { temperature: 0.8, topK: 7, random }),
          backend.sample(tensor, { temperature: 1.5, topP: 0.6, random }),
          backend.sample(tensor, { temperature: 1, topK: 40, topP: 0.9, random }),
          backend.sample(tensor, { temperature: 2, random }),
        ]);
        return [Array.from(backend.argmax(tensor)), drawn];
      });
      expect(actual).toEqual(expected);
    });
  });
});

function emptyCodes({ rows, columns }: FloatRows, groupSize: number): { codes: Int8Array; scales: Float32Array } {
  return { codes: new Int8Array(rows * columns), scales: new Float32Array(rows * groupCount(columns, groupSize)) };
}
