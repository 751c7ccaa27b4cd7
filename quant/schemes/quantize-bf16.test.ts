import { describe, expect, it } from 'vitest';
import { widenBf16 } from '../../kernels/reference/float-formats.ts';
import { minmax, run } from './float-rows.test.samples.ts';
import { quantizeRows } from './quantize-rows.ts';
import { quantizeRowsReference } from './reference.ts';

/** A row with every finite pattern whose magnitude is at most that of `absmax`. */
function allPatternsTo(absmax: number): Uint16Array {
  return Uint16Array.from({ length: 2 * (absmax + 1) }, (_, i) => (i <= absmax ? i : 0x8000 + i - absmax - 1));
}

describe('quantizeRows of BF16 without clipping', () => {
  it.each([8, 4] as const)('codes every weight under every fraction of an absmax as int%i division does', (bits) => {
    const [divisor, lowest, highest] = bits === 8 ? [127, -127, 127] : [7.5, -8, 7];
    for (let fraction = 0; fraction < 128; fraction++) {
      const absmax = (127 << 7) | fraction;
      const data = allPatternsTo(absmax);
      const source = { dtype: 'BF16', data, rows: 1, columns: data.length } as const;
      const { codes, scales } = run(quantizeRows, source, minmax(bits));
      const scale = Math.fround(widenBf16(absmax) / divisor);
      expect(scales[0]).toBe(scale);
      const wrong = data.findIndex((pattern, i) => {
        // 12582912 rounds f32 values of this size to whole numbers, ties to even.
        const quotient = Math.fround(widenBf16(pattern) / scale);
        const nearest = Math.fround(Math.fround(quotient + 12582912) - 12582912);
        return codes[i] !== Math.min(highest, Math.max(lowest, nearest));
      });
      expect(wrong).toBe(-1);
    }
  });

  it.each([8, 4] as const)('gives the bits of the reference at both ends of the exponents, int%i', (bits) => {
    const exponents = [0, 1, 3, 4, 5, 7, 8, 9, 10, 16, 17, 253, 254];
    for (const exponent of exponents) {
      for (const fraction of [0, 1, 64, 125, 126, 127]) {
        const absmax = (exponent << 7) | fraction;
        const nearby = allPatternsTo(absmax).filter((pattern) => absmax - (pattern & 0x7fff) < 1500);
        const source = { dtype: 'BF16', data: nearby, rows: 1, columns: nearby.length } as const;
        expect(run(quantizeRows, source, minmax(bits))).toEqual(run(quantizeRowsReference, source, minmax(bits)));
      }
    }
  });
});
