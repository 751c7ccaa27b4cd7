import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { narrowBf16, narrowF16, widenBf16, widenF16 } from '../../kernels/reference/float-formats.ts';
import { smoothGain } from './smoothed-gain.ts';

const rounded = {
  F32: Math.fround,
  F16: (value: number) => widenF16(narrowF16(value)),
  BF16: (value: number) => widenBf16(narrowBf16(value)),
};
const dtypes = fc.constantFrom('F32' as const, 'F16' as const, 'BF16' as const);
const offsets = fc.constantFrom(0, 1);

describe('smoothGain', () => {
  it('gives gains that the dtype holds, and what makes up for their rounding', () => {
    const gains = fc.float({ min: Math.fround(0.01), max: 64, noNaN: true });
    const factors = fc.float({ min: Math.fround(0.02), max: 50, noNaN: true });
    fc.assert(
      fc.property(gains, factors, dtypes, offsets, (gain, factor, dtype, offset) => {
        const stored = Float32Array.of(gain - offset);
        const result = smoothGain(stored, Float32Array.of(factor), { offset, dtype });
        expect(result.stored[0]).toBe(rounded[dtype](result.stored[0]));
        const before = Math.fround(stored[0] + offset);
        const after = Math.fround(result.stored[0] + offset);
        // One quotient of f64.
        expect(Math.abs(after * result.columnFactors[0] - before)).toBeLessThanOrEqual(before * 2 ** -51);
        if (offset === 0) expect(Math.abs((result.columnFactors[0] - factor) / factor)).toBeLessThan(2 ** -8);
      }),
    );
  });

  it('changes nothing where the factor is 1 and the dtype holds the gain', () => {
    fc.assert(
      fc.property(fc.float({ min: -4, max: 4, noNaN: true }), dtypes, offsets, (value, dtype, offset) => {
        const stored = Float32Array.of(rounded[dtype](value));
        const result = smoothGain(stored, Float32Array.of(1), { offset, dtype });
        expect(result.stored).toEqual(stored);
        expect(result.columnFactors[0]).toBe(1);
      }),
    );
  });

  it('keeps gains that would vanish or overflow, and gains of 0', () => {
    const stored = Float32Array.of(1e-6, 60_000, 0, -0.5);
    const factors = Float32Array.of(1e6, 1e-3, 4, 2);
    expect(smoothGain(stored, factors, { offset: 0, dtype: 'F16' })).toEqual({
      stored: Float32Array.of(rounded.F16(1e-6), rounded.F16(60_000), 0, -0.25),
      columnFactors: Float64Array.of(stored[0] / rounded.F16(1e-6), stored[1] / rounded.F16(60_000), 1, 2),
    });
  });

  it('keeps 1 + w apart from 0', () => {
    // 1 + w = 2^-20 in BF16 would be w = -1, a gain of 0.
    const result = smoothGain(Float32Array.of(0.5), Float32Array.of(2 ** 20), { offset: 1, dtype: 'BF16' });
    expect(result).toEqual({ stored: Float32Array.of(0.5), columnFactors: Float64Array.of(1) });
  });
});
