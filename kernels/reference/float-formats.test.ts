import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  floatFormats,
  isFloatFormat,
  narrowBf16,
  narrowF16,
  widenBf16,
  widenF16,
  widenF8E4M3,
  widenF8E4M3Fnuz,
  widenF8E5M2,
  widenF8E5M2Fnuz,
  widenF8E8M0,
  widenInto,
} from './float-formats.ts';

/**
 * The magnitudes of a format in order, found by adding up its steps: from 0 in steps of the smallest subnormal, which
 * double whenever a binade has ended. Shares no formula with the code under test.
 */
function magnitudes(count: number, fractionBits: number, smallest: number): number[] {
  const values: number[] = [];
  let step = smallest;
  let value = 0;
  for (let pattern = 0; pattern < count; pattern++) {
    values.push(value);
    value += step;
    const binade = (pattern + 1) / 2 ** fractionBits;
    if (Number.isInteger(binade) && binade >= 2) step *= 2;
  }
  return values;
}

interface Format {
  name: string;
  widen: (bits: number) => number;
  signBit: number;
  /** Magnitudes that are finite numbers; the patterns above are special. */
  finite: number;
  fractionBits: number;
  smallest: number;
  special: (pattern: number) => number;
  negativeZero: number;
}

const ieee = (pattern: number, infinity: number): number => (pattern === infinity ? Infinity : NaN);

const formats: readonly Format[] = [
  {
    name: 'F16',
    widen: widenF16,
    signBit: 0x8000,
    finite: 0x7c00,
    fractionBits: 10,
    smallest: 2 ** -24,
    special: (pattern) => ieee(pattern, 0x7c00),
    negativeZero: -0,
  },
  {
    name: 'BF16',
    widen: widenBf16,
    signBit: 0x8000,
    finite: 0x7f80,
    fractionBits: 7,
    smallest: 2 ** -133,
    special: (pattern) => ieee(pattern, 0x7f80),
    negativeZero: -0,
  },
  {
    name: 'F8_E4M3',
    widen: widenF8E4M3,
    signBit: 0x80,
    finite: 0x7f,
    fractionBits: 3,
    smallest: 2 ** -9,
    special: () => NaN,
    negativeZero: -0,
  },
  {
    name: 'F8_E5M2',
    widen: widenF8E5M2,
    signBit: 0x80,
    finite: 0x7c,
    fractionBits: 2,
    smallest: 2 ** -16,
    special: (pattern) => ieee(pattern, 0x7c),
    negativeZero: -0,
  },
  {
    name: 'F8_E4M3FNUZ',
    widen: widenF8E4M3Fnuz,
    signBit: 0x80,
    finite: 0x80,
    fractionBits: 3,
    smallest: 2 ** -10,
    special: () => NaN,
    negativeZero: NaN,
  },
  {
    name: 'F8_E5M2FNUZ',
    widen: widenF8E5M2Fnuz,
    signBit: 0x80,
    finite: 0x80,
    fractionBits: 2,
    smallest: 2 ** -17,
    special: () => NaN,
    negativeZero: NaN,
  },
];

describe.each(formats)('$name', ({ widen, signBit, finite, fractionBits, smallest, special, negativeZero }) => {
  it('widens every pattern', () => {
    const expected = magnitudes(finite, fractionBits, smallest);
    for (let pattern = 0; pattern < signBit; pattern++) {
      const magnitude = pattern < finite ? expected[pattern] : special(pattern);
      const negative = pattern === 0 ? negativeZero : -magnitude;
      if (!Object.is(widen(pattern), magnitude)) expect(widen(pattern), `pattern ${pattern}`).toBe(magnitude);
      if (!Object.is(widen(pattern | signBit), negative)) {
        expect(widen(pattern | signBit), `pattern ${pattern | signBit}`).toBe(negative);
      }
    }
  });
});

describe('largest and smallest values', () => {
  it('are those of the specifications', () => {
    expect(widenF16(0x7bff)).toBe(65504);
    expect(widenF16(0x0001)).toBe(5.960464477539063e-8);
    expect(widenBf16(0x7f7f)).toBe(3.3895313892515355e38);
    expect(widenF8E4M3(0x7e)).toBe(448);
    expect(widenF8E5M2(0x7b)).toBe(57344);
    expect(widenF8E4M3Fnuz(0x7f)).toBe(240);
    expect(widenF8E5M2Fnuz(0x7f)).toBe(57344);
    expect(widenF8E8M0(0)).toBe(2 ** -127);
    expect(widenF8E8M0(127)).toBe(1);
    expect(widenF8E8M0(254)).toBe(2 ** 127);
    expect(widenF8E8M0(255)).toBeNaN();
  });
});

const narrowing = [
  { name: 'narrowF16', narrow: narrowF16, widen: widenF16, infinity: 0x7c00, quiet: 0x7e00, overflow: 65520 },
  {
    name: 'narrowBf16',
    narrow: narrowBf16,
    widen: widenBf16,
    infinity: 0x7f80,
    quiet: 0x7fc0,
    overflow: 2 ** 128 - 2 ** 119,
  },
] as const;

describe.each(narrowing)('$name', ({ narrow, widen, infinity, quiet, overflow }) => {
  it('gives every pattern back', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const isNaN = (bits & 0x7fff) > infinity;
      const expected = isNaN ? quiet : bits;
      if (narrow(widen(bits)) !== expected) expect(narrow(widen(bits)), `pattern ${bits}`).toBe(expected);
    }
  });

  it('rounds ties to even and everything else to the nearer neighbour', () => {
    for (let bits = 0; bits < infinity - 1; bits++) {
      const [low, high] = [widen(bits), widen(bits + 1)];
      const tie = (low + high) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const offset = (high - low) * 2 ** -24;
      const found = [narrow(tie), narrow(tie - offset), narrow(tie + offset), narrow(-tie)];
      const expected = [even, bits, bits + 1, even | 0x8000];
      if (found.join() !== expected.join()) expect(found, `above pattern ${bits}`).toEqual(expected);
    }
  });

  it('overflows to infinity half a step beyond the largest number', () => {
    expect(narrow(overflow)).toBe(infinity);
    expect(narrow(-overflow)).toBe(infinity | 0x8000);
    expect(narrow(overflow * (1 - 2 ** -20))).toBe(infinity - 1);
    expect(narrow(Number.MAX_VALUE)).toBe(infinity);
    expect(narrow(Infinity)).toBe(infinity);
    expect(narrow(-Infinity)).toBe(infinity | 0x8000);
  });

  it('rounds what is below half the smallest subnormal to zero, and keeps its sign', () => {
    expect(narrow(widen(1) / 2)).toBe(0);
    expect(narrow((widen(1) / 2) * (1 + 2 ** -20))).toBe(1);
    expect(narrow(-widen(1) / 4)).toBe(0x8000);
    expect(narrow(-0)).toBe(0x8000);
    expect(narrow(Number.MIN_VALUE)).toBe(0);
  });

  it('is monotonic', () => {
    const value = fc.double({ noNaN: true });
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        expect(widen(narrow(low))).toBeLessThanOrEqual(widen(narrow(high)));
      }),
    );
  });
});

const scalars = {
  F16: widenF16,
  BF16: widenBf16,
  F8_E4M3: widenF8E4M3,
  F8_E5M2: widenF8E5M2,
  F8_E8M0: widenF8E8M0,
  F8_E4M3FNUZ: widenF8E4M3Fnuz,
  F8_E5M2FNUZ: widenF8E5M2Fnuz,
} as const;

const elementBytes = (format: string): number => Number(/^(?:BF|F)(\d+)/.exec(format)?.[1]) / 8;

describe('widenInto', () => {
  it.each(Object.entries(scalars))('agrees with the scalar conversion of every %s', (format, widen) => {
    if (!isFloatFormat(format)) throw new Error(format);
    const is16 = format === 'F16' || format === 'BF16';
    const patterns = is16
      ? Uint16Array.from({ length: 65536 }, (_, i) => i)
      : Uint8Array.from({ length: 256 }, (_, i) => i);
    const target = new Float32Array(patterns.length);
    widenInto(format, new Uint8Array(patterns.buffer), target);
    expect(target).toEqual(Float32Array.from(patterns, widen));
  });

  it('keeps the payload of a NaN in BF16', () => {
    const target = new Float32Array(1);
    widenInto('BF16', Uint8Array.of(0xa5, 0xff), target);
    expect(new Uint32Array(target.buffer)[0]).toBe(0xffa50000);
  });

  it('copies F32 and rounds F64', () => {
    const target = new Float32Array(2);
    widenInto('F32', new Uint8Array(Float32Array.of(1.5, -0).buffer), target);
    expect(target).toEqual(Float32Array.of(1.5, -0));
    widenInto('F64', new Uint8Array(Float64Array.of(0.1, 1e300).buffer), target);
    expect(target).toEqual(Float32Array.of(0.1, Infinity));
  });

  it.each(floatFormats)('reads %s from any address', (format) => {
    const bytes = Uint8Array.from({ length: 24 }, (_, i) => 37 * i + 11);
    const elements = 24 / elementBytes(format);
    const aligned = new Float32Array(elements);
    widenInto(format, bytes, aligned);
    const moved = new Uint8Array(32);
    moved.set(bytes, 1);
    const unaligned = new Float32Array(elements);
    widenInto(format, moved.subarray(1, 25), unaligned);
    expect(unaligned).toEqual(aligned);
  });

  it('refuses lengths that do not fit', () => {
    expect(() => {
      widenInto('F16', new Uint8Array(5), new Float32Array(2));
    }).toThrow(RangeError);
    expect(() => {
      widenInto('F8_E4M3', new Uint8Array(2), new Float32Array(1));
    }).toThrow(RangeError);
  });
});
