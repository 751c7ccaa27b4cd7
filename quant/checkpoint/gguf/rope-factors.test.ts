import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findLlama3Scaling } from './rope-factors.ts';

/** Factors in f32 all the way, as converters compute them: the formula of `rope_type: llama3` in transformers. */
function factorsOf(
  theta: number,
  headDim: number,
  factor: number,
  low: number,
  high: number,
  original: number,
): Float32Array {
  const f = Math.fround;
  return Float32Array.from({ length: headDim / 2 }, (_, pair) => {
    const frequency = f(1 / f(theta ** f((2 * pair) / headDim)));
    const wavelength = f(f(2 * Math.PI) / frequency);
    if (wavelength < original / high) return 1;
    if (wavelength > original / low) return factor;
    const smooth = f(f(f(original / wavelength) - low) / (high - low));
    return f(1 / f(f(f(1 - smooth) / factor) + smooth));
  });
}

describe('findLlama3Scaling', () => {
  it('takes more factors than a call has arguments', () => {
    expect(findLlama3Scaling(new Float32Array(500_000).fill(2), 10_000, 1_000_000)).toBeUndefined();
  });

  it.each([
    ['Llama 3.1', 500_000, 128, 8],
    ['Llama 3.2', 500_000, 64, 32],
  ])('finds the parameters of %s', (_, theta, headDim, factor) => {
    expect(findLlama3Scaling(factorsOf(theta, headDim, factor, 1, 4, 8192), theta, headDim)).toEqual({
      kind: 'llama3',
      factor,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalMaxPositionEmbeddings: 8192,
    });
  });

  it('finds parameters that give the same factors again, whatever they were', () => {
    const parameters = fc.record({
      theta: fc.constantFrom(10_000, 100_000, 500_000, 1_000_000),
      headDim: fc.constantFrom(64, 128, 256),
      factor: fc.constantFrom(2, 4, 8, 16, 32),
      high: fc.constantFrom(2, 3, 4, 8),
      original: fc.constantFrom(1024, 2048, 4096, 8192, 16_384),
    });
    fc.assert(
      fc.property(parameters, ({ theta, headDim, factor, high, original }) => {
        const factors = factorsOf(theta, headDim, factor, 1, high, original);
        // Two points make the line; a single pair between the bands leaves it open.
        fc.pre(factors.filter((each) => each > 1 && each < factor).length >= 2);
        const found = findLlama3Scaling(factors, theta, headDim);
        expect(found).toMatchObject({ factor });
        const {
          lowFrequencyFactor: low,
          highFrequencyFactor: top,
          originalMaxPositionEmbeddings: length,
        } = found ?? {
          lowFrequencyFactor: 0,
          highFrequencyFactor: 0,
          originalMaxPositionEmbeddings: 0,
        };
        const again = factorsOf(theta, headDim, factor, low, top, length);
        again.forEach((value, pair) => {
          expect(Math.abs(value - factors[pair])).toBeLessThan(2 ** -15 * value);
        });
      }),
    );
  });

  it('finds none in factors of another kind', () => {
    const sound = factorsOf(500_000, 128, 8, 1, 4, 8192);
    for (const pair of [0, 30, 35, 63]) {
      expect(findLlama3Scaling(sound.with(pair, sound[pair] * 1.001), 500_000, 128)).toBeUndefined();
    }
    expect(findLlama3Scaling(sound, 10_000, 128)).toBeUndefined();
    expect(findLlama3Scaling(new Float32Array(64).fill(1), 500_000, 128)).toBeUndefined();
    expect(findLlama3Scaling(sound.with(3, NaN), 500_000, 128)).toBeUndefined();
  });
});
