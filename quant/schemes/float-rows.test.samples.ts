import fc from 'fast-check';
import { narrowBf16, narrowF16 } from '../../kernels/reference/float-formats.ts';
import { groupSizes, groupsPerRow, type FloatRows, type WeightScheme } from './scheme.ts';

export const dtypes = ['F32', 'F16', 'BF16'] as const;

/** Values in one of the formats, rounded to it. */
export function floatRows(dtype: FloatRows['dtype'], values: ArrayLike<number>, columns: number): FloatRows {
  const rows = columns === 0 ? 0 : values.length / columns;
  if (dtype === 'F32') return { dtype, data: Float32Array.from(values), rows, columns };
  const data = Uint16Array.from(Array.from(values, dtype === 'F16' ? narrowF16 : narrowBf16));
  return { dtype, data, rows, columns };
}

export interface Quantized {
  codes: Int8Array;
  scales: Float32Array;
}

type Quantizer = (source: FloatRows, scheme: WeightScheme, codes: Int8Array, scales: Float32Array) => void;

/** Runs a quantizer on arrays of the right lengths, filled so that an element left out shows. */
export function run(quantizer: Quantizer, source: FloatRows, scheme: WeightScheme): Quantized {
  const codes = new Int8Array(source.rows * source.columns).fill(99);
  const scales = new Float32Array(source.rows * groupsPerRow(source.columns, scheme.groupSize)).fill(-1);
  quantizer(source, scheme, codes, scales);
  return { codes, scales };
}

export const minmax = (bits: 8 | 4, groupSize: WeightScheme['groupSize'] = 0): WeightScheme => ({
  bits,
  groupSize,
  clip: { kind: 'minmax' },
});

/** Magnitudes that a 16-bit pattern or a run of powers of two make: wide ranges, subnormals and many ties. */
const weight: fc.Arbitrary<number> = fc.oneof(
  { weight: 8, arbitrary: fc.double({ min: -4, max: 4, noNaN: true }) },
  { weight: 4, arbitrary: fc.integer({ min: -254, max: 254 }).map((n) => n / 2) },
  { weight: 2, arbitrary: fc.integer({ min: -148, max: 14 }).map((exponent) => 2 ** exponent) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, 65504, -65504) },
);

/** Factors that bring whole rows to the edges of what has a scale; F16 rounds the small ones to 0. */
const rowFactor = fc.constantFrom(1, 1, 1, 1, 0, 2 ** -8, 2 ** -20, 2 ** -118, 2 ** -120, 2 ** -126, 2 ** -140);

export const sources: fc.Arbitrary<FloatRows> = fc
  .record({
    dtype: fc.constantFrom(...dtypes),
    columns: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(31, 32, 64, 65, 129, 257, 300, 1033)),
    factors: fc.array(rowFactor, { minLength: 1, maxLength: 4 }),
  })
  .chain(({ dtype, columns, factors }) =>
    fc.array(weight, { minLength: columns, maxLength: columns }).map((row) => {
      // Rows are rotations of each other: as telling as independent ones, and far cheaper to generate and shrink.
      const values = factors.flatMap((factor, n) => row.map((_, k) => row[(k + n) % columns] * factor));
      return floatRows(dtype, values, columns);
    }),
  );

export const schemes: fc.Arbitrary<WeightScheme> = fc.record({
  bits: fc.constantFrom<8 | 4>(8, 4),
  groupSize: fc.constantFrom(...groupSizes),
  clip: fc.oneof(
    fc.constant({ kind: 'minmax' as const }),
    fc.constant({ kind: 'mse' as const }),
    fc.record({ kind: fc.constant('percentile' as const), percentile: fc.constantFrom(100, 99.9, 99, 87.5, 50, 0.1) }),
  ),
});
