import { afterEach, describe, expect, it } from 'vitest';
import {
  isAvailable,
  loadDecoder,
  NonFiniteWeightError,
  openBackend,
  packCodes,
  quantizeWeight,
  unpackCodes,
  W4A8Linear,
  W8A8Linear,
  type Backend,
} from '../index.ts';
import { openReferenceBackend } from '../kernels/reference/backend.ts';
import { packagePath } from '../commands/package-path.ts';
import { randomFloats } from '../testing/random-arrays.ts';

const [outFeatures, inFeatures, tokens] = [6, 40, 3];
const weight = { outFeatures, inFeatures, data: randomFloats(outFeatures * inFeatures, 1) };
const x = randomFloats(tokens * inFeatures, 2);

/** The same layer in float64. */
function exact(bias?: Float32Array): number[] {
  return Array.from({ length: tokens * outFeatures }, (_, i) => {
    const [m, n] = [Math.floor(i / outFeatures), i % outFeatures];
    let sum = bias?.[n] ?? 0;
    for (let k = 0; k < inFeatures; k++) sum += x[m * inFeatures + k] * weight.data[n * inFeatures + k];
    return sum;
  });
}

/** Largest deviation that half a step of each operand can cause: both are at most 1, of `steps` steps. */
const quantizationBound = (steps: number): number => inFeatures * (0.5 / steps + 0.5 / 127 + 0.25 / (steps * 127));

let backend: Backend = openReferenceBackend();

afterEach(() => {
  backend.close();
  backend = openReferenceBackend();
});

describe('W8A8Linear and W4A8Linear', () => {
  it.each([
    [W8A8Linear, 127],
    [W4A8Linear, 7.5],
  ])('approximate the float layer: %o', async (Layer, steps) => {
    const bias = Float32Array.of(1, -2, 3, -4, 5, -6);
    const layer = Layer.fromWeights(backend, { ...weight, bias }, { groupSize: 32 });
    const y = await layer.forward(x);
    expect(y).toHaveLength(tokens * outFeatures);
    exact(bias).forEach((value, i) => {
      expect(Math.abs(y[i] - value)).toBeLessThan(quantizationBound(steps));
    });
    expect(Array.from(y)).not.toEqual(exact(bias).map(Math.fround));
  });

  it('are the same from weights as from codes and scales', async () => {
    const fromWeights = W8A8Linear.fromWeights(backend, weight);
    const fromCodes = new W8A8Linear(backend, quantizeWeight(weight, 8));
    expect(await fromCodes.forward(x)).toEqual(await fromWeights.forward(x));
  });

  it('multiply a single token as float unless asked otherwise', async () => {
    const layer = W8A8Linear.fromWeights(backend, weight);
    const token = x.subarray(0, inFeatures);
    const together = await layer.forward(x);
    expect(await layer.forward(token, { decode: 'w8a8' })).toEqual(together.subarray(0, outFeatures));
    expect(await layer.forward(token)).not.toEqual(together.subarray(0, outFeatures));
  });

  it('take float weights as 16-bit patterns', async () => {
    const ones = { outFeatures: 1, inFeatures: 4, dtype: 'BF16', data: new Uint16Array(4).fill(0x3f80) } as const;
    expect(await W8A8Linear.fromWeights(backend, ones).forward(Float32Array.of(1, 1, 1, 1))).toEqual(
      Float32Array.of(4),
    );
  });

  it('count half the bytes at 4 bits', () => {
    const scales = 4 * outFeatures;
    expect(W8A8Linear.fromWeights(backend, weight).bytes).toBe(outFeatures * inFeatures + scales);
    expect(W4A8Linear.fromWeights(backend, weight).bytes).toBe((outFeatures * inFeatures) / 2 + scales);
  });

  it('have nothing to say without tokens, and refuse a part of one', async () => {
    const layer = W8A8Linear.fromWeights(backend, weight);
    expect(await layer.forward(new Float32Array(0))).toHaveLength(0);
    await expect(layer.forward(x.subarray(1))).rejects.toThrow('119 values are no rows of 40');
  });

  it('refuse weights that do not fit, and values that no scale holds', () => {
    expect(() => W8A8Linear.fromWeights(backend, { ...weight, outFeatures: 7 })).toThrow(RangeError);
    const broken = { ...weight, data: weight.data.with(41, Infinity) };
    expect(() => W4A8Linear.fromWeights(backend, broken)).toThrow(NonFiniteWeightError);
    expect(() => W4A8Linear.fromWeights(backend, broken)).toThrow('weight [1, 1] is Infinity');
  });

  it('are of no use once they are closed', async () => {
    const layer = W8A8Linear.fromWeights(backend, weight);
    layer.close();
    await expect(layer.forward(x)).rejects.toThrow(RangeError);
  });
});

describe('the library', () => {
  it('packs 4-bit codes', () => {
    const { codes } = quantizeWeight(weight, 4);
    const packed = packCodes(codes, outFeatures, inFeatures, 4);
    expect(packed).toHaveLength(codes.length / 2);
    expect(unpackCodes(packed, outFeatures, inFeatures, 4)).toEqual(codes);
  });

  it('opens the backend that it is asked for', async () => {
    const reference = await openBackend({ backend: 'reference' });
    expect(reference.info.name).toBe('reference');
    const automatic = await openBackend({ threads: 1 });
    expect(automatic.info.name).toBe((await isAvailable()) ? 'cpu' : 'reference');
    automatic.close();
  });

  it('gives the same bits on the backend of this machine as on the reference', async () => {
    const automatic = await openBackend();
    const [here, there] = [automatic, backend].map((each) => W8A8Linear.fromWeights(each, weight, { groupSize: 32 }));
    expect(await here.forward(x)).toEqual(await there.forward(x));
    automatic.close();
  });

  it('loads a model and continues a text with it', async () => {
    const model = await loadDecoder(backend, packagePath('fixtures/tiny-qwen3'), 'w8a8');
    const sequence = model.startSequence(8);
    expect(await sequence.prefill(Int32Array.of(1, 2, 3))).toHaveLength(model.config.vocabSize);
    expect(await sequence.decodeStep(4)).toHaveLength(model.config.vocabSize);
    sequence.close();
    model.close();
  });
});
