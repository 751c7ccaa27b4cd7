import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { regroup } from './regroup.ts';

const scales = Float32Array.of(1, 2, 3, 4, 5, 6);

describe('regroup', () => {
  it('repeats scales where groups are cut', () => {
    expect(regroup(scales, 96, 32, 32)).toBe(scales);
    expect(regroup(Float32Array.of(1, 2), 96, 0, 32)).toEqual(Float32Array.of(1, 1, 1, 2, 2, 2));
    expect(regroup(Float32Array.of(1, 2, 3, 4), 256, 128, 64)).toEqual(Float32Array.of(1, 1, 2, 2, 3, 3, 4, 4));
  });

  it('merges equal scales only', () => {
    expect(regroup(Float32Array.of(1, 1, 2, 2), 128, 32, 64)).toEqual(Float32Array.of(1, 2));
    expect(regroup(Float32Array.of(1, 1, 2, 2), 64, 32, 0)).toEqual(Float32Array.of(1, 2));
    expect(regroup(scales, 96, 32, 0)).toBeUndefined();
    expect(regroup(Float32Array.of(1, 1, 1, 1, 1, 2), 192, 32, 64)).toBeUndefined();
  });

  it('knows groups that are not made of each other', () => {
    expect(regroup(Float32Array.of(1, 1), 96, 48, 64)).toBeUndefined();
    expect(regroup(Float32Array.of(1), 96, 0, 64)).toBeUndefined();
  });

  it('gives back what it cut', () => {
    const sizes = fc.constantFrom(0, 64, 128);
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 4 }), sizes, (values, from) => {
        const columns = 256;
        const perRow = from === 0 ? 1 : columns / from;
        const given = Float32Array.from({ length: values.length * perRow }, (_, i) => values[i % values.length]);
        for (const to of [32, 64]) {
          const cut = regroup(given, columns, from, to);
          expect(cut?.length).toBe((values.length * columns) / to);
          expect(cut && regroup(cut, columns, to, from)).toEqual(given);
        }
      }),
    );
  });
});
