import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomFloats } from '../../testing/random-arrays.ts';
import { smallConfig } from '../../testing/random-model.ts';
import { UsageError } from '../errors.ts';
import {
  absmaxOfValues,
  checkAlpha,
  checkSmoothing,
  factorsOfAttended,
  smoothingFactors,
  weightAbsmax,
} from './smoothing.ts';

describe('smoothingFactors', () => {
  it.each([
    [0.5, 2, 1],
    [0.85, 4 ** 0.85 / 0.5 ** 0.15, 2 ** 0.85 / 2 ** 0.15],
    [0, 1 / 0.5, 1 / 2],
    [1, 4, 2],
  ])('are a^alpha / w^(1 - alpha): alpha %d', (alpha, first, second) => {
    const factors = smoothingFactors(Float32Array.of(4, 2), Float32Array.of(alpha === 0.5 ? 1 : 0.5, 2), alpha);
    expect(factors[0]).toBeCloseTo(first, 6);
    expect(factors[1]).toBeCloseTo(second, 6);
  });

  it('keep 1 in channels whose activations or weights are all 0', () => {
    expect(smoothingFactors(Float32Array.of(0, 3, 0), Float32Array.of(2, 0, 0), 0.85)).toEqual(
      Float32Array.of(1, 1, 1),
    );
  });

  it('are positive and finite for any magnitudes', () => {
    const magnitudes = fc.float({ min: 0, max: Math.fround(3.4e38), noNaN: true });
    fc.assert(
      fc.property(magnitudes, magnitudes, fc.double({ min: 0, max: 1, noNaN: true }), (activation, weight, alpha) => {
        const [factor] = smoothingFactors(Float32Array.of(activation), Float32Array.of(weight), alpha);
        expect(factor >= Math.fround(1e-5) && factor < Infinity).toBe(true);
      }),
    );
  });

  it('are not made of different numbers of channels', () => {
    expect(() => smoothingFactors(new Float32Array(3), new Float32Array(2), 0.5)).toThrow(RangeError);
  });
});

describe('weightAbsmax', () => {
  it('looks at every row of every weight', () => {
    const weights = [Float32Array.of(1, -2, 0, -5, 1, 0), Float32Array.of(-3, 4, 0)];
    expect(weightAbsmax(weights, 3)).toEqual(Float32Array.of(5, 4, 0));
  });
});

describe('channels that query heads share', () => {
  const heads = { heads: 6, kvHeads: 2, headDim: 3 };

  it('have the largest magnitude of all heads of the group, and one factor', () => {
    const magnitudes = randomFloats(18, 1).map(Math.abs);
    const shared = absmaxOfValues(magnitudes, heads);
    expect(shared).toHaveLength(6);
    for (let group = 0; group < 2; group++) {
      for (let i = 0; i < 3; i++) {
        const channels = [0, 1, 2].map((head) => magnitudes[(group * 3 + head) * 3 + i]);
        expect(shared[group * 3 + i]).toBe(Math.max(...channels));
      }
    }
    const repeated = factorsOfAttended(shared, heads);
    expect(repeated).toEqual(
      Float32Array.from([0, 0, 0, 1, 1, 1].flatMap((group) => [...shared.slice(group * 3, group * 3 + 3)])),
    );
    expect(absmaxOfValues(repeated, heads)).toEqual(shared);
  });
});

describe('checkAlpha', () => {
  it.each([-0.01, 1.01, NaN, Infinity])('refuses %d', (alpha) => {
    const check = (): void => {
      checkAlpha(alpha);
    };
    expect(check).toThrow(UsageError);
    expect(check).toThrow(expect.objectContaining({ code: 'E_ALPHA' }));
  });

  it.each([0, 0.85, 1])('accepts %d', (alpha) => {
    expect(() => {
      checkAlpha(alpha);
    }).not.toThrow();
  });
});

describe('checkSmoothing', () => {
  const config = smallConfig({ num_hidden_layers: 1 });
  const ones = (length: number): Float32Array => new Float32Array(length).fill(1);
  const factors = { attentionInput: ones(20), attentionOutput: ones(12), mlpInput: ones(20), mlpOutput: ones(28) };

  it('accepts factors of every stage of every layer', () => {
    expect(() => {
      checkSmoothing([factors], config);
    }).not.toThrow();
  });

  it.each([
    ['too few layers', []],
    ['too many layers', [factors, factors]],
    ['factors of query heads', [{ ...factors, attentionOutput: ones(24) }]],
    ['a factor of 0', [{ ...factors, mlpOutput: ones(28).with(27, 0) }]],
    ['a negative factor', [{ ...factors, mlpInput: ones(20).with(0, -1) }]],
    ['an infinite factor', [{ ...factors, mlpInput: ones(20).with(3, Infinity) }]],
    ['a factor of NaN', [{ ...factors, attentionInput: ones(20).with(3, NaN) }]],
  ])('refuses %s', (_, smoothing) => {
    expect(() => {
      checkSmoothing(smoothing, config);
    }).toThrow(RangeError);
  });
});
