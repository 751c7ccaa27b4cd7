import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, compareNatural } from './name-order.ts';

describe('compareBytes', () => {
  it('has the order of code points, which is not that of UTF-16', () => {
    expect(['😀', '\uffee', 'a'].sort(compareBytes)).toEqual(['a', '\uffee', '😀']);
  });
});

describe('compareNatural', () => {
  it('counts layers', () => {
    const names = [
      'model.norm',
      'model.layers.10.b',
      'model.layers.9.a',
      'model.layers.10.a',
      'lm_head',
      'model.layers.2',
    ];
    expect(names.sort(compareNatural)).toEqual([
      'lm_head',
      'model.layers.2',
      'model.layers.9.a',
      'model.layers.10.a',
      'model.layers.10.b',
      'model.norm',
    ]);
  });

  it('compares digits beyond 2^53', () => {
    expect(compareNatural('x9007199254740993', 'x9007199254740992')).toBeGreaterThan(0);
  });

  it('is a total order', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '.', '0', '1', '9', '10'), maxLength: 6 });
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        expect(Math.sign(compareNatural(a, b))).toBe(-Math.sign(compareNatural(b, a)) + 0);
        expect(compareNatural(a, b) === 0).toBe(a === b);
        if (compareNatural(a, b) <= 0 && compareNatural(b, c) <= 0) {
          expect(compareNatural(a, c)).toBeLessThanOrEqual(0);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
