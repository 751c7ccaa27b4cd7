import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dtypes, floatRows, minmax, run, schemes, sources } from './float-rows.test.samples.ts';
import { quantizeRows } from './quantize-rows.ts';
import { quantizeRowsReference } from './reference.ts';
import { groupSizes, groupsPerRow, NonFiniteWeightError, type FloatRows, type WeightScheme } from './scheme.ts';

const clips: WeightScheme['clip'][] = [{ kind: 'minmax' }, { kind: 'percentile', percentile: 99 }, { kind: 'mse' }];

describe('quantizeRows', () => {
  it('gives the bits of the reference for any weights and scheme', () => {
    fc.assert(
      fc.property(sources, schemes, (source, scheme) => {
        expect(run(quantizeRows, source, scheme)).toEqual(run(quantizeRowsReference, source, scheme));
      }),
      { numRuns: 1500 },
    );
  });

  it('gives the same bytes when ranges of rows are quantized separately', () => {
    fc.assert(
      fc.property(sources, schemes, fc.nat(), (source, scheme, seed) => {
        const { rows, columns, data } = source;
        const whole = run(quantizeRows, source, scheme);
        const groups = groupsPerRow(columns, scheme.groupSize);
        const split = seed % (rows + 1);
        for (const [first, last] of [
          [0, split],
          [split, rows],
        ]) {
          // Views of the shared memory, as a worker thread gets them: odd lengths leave them unaligned.
          const part = { ...source, data: data.subarray(first * columns, last * columns), rows: last - first };
          const codes = new Int8Array(rows * columns).subarray(first * columns, last * columns);
          const scales = new Float32Array(rows * groups).subarray(first * groups, last * groups);
          quantizeRows(part, scheme, codes, scales);
          expect(codes).toEqual(whole.codes.subarray(first * columns, last * columns));
          expect(scales).toEqual(whole.scales.subarray(first * groups, last * groups));
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each([0, 1, 2, 3])('writes %i bytes past an aligned address and touches nothing beside it', (offset) => {
    const source = floatRows(
      'BF16',
      Float32Array.from({ length: 2 * 37 }, (_, i) => Math.sin(i)),
      37,
    );
    const memory = new Int8Array(source.data.length + 8).fill(99);
    const codes = memory.subarray(offset, offset + source.data.length);
    quantizeRows(source, minmax(8, 32), codes, new Float32Array(4));
    expect(codes).toEqual(run(quantizeRowsReference, source, minmax(8, 32)).codes);
    expect([...memory.subarray(0, offset), ...memory.subarray(offset + codes.length)]).toEqual(
      Array.from({ length: 8 }, () => 99),
    );
  });

  describe.each(dtypes)('of %s', (dtype) => {
    it.each(groupSizes)('gives each group of %i its own scale, the shorter last one too', (groupSize) => {
      const columns = 2 * (groupSize || 100) + 3;
      const values = Array.from({ length: columns }, (_, k) => (k === 0 ? 1 : 2 ** Math.floor(k / (groupSize || 1e9))));
      const { codes, scales } = run(quantizeRows, floatRows(dtype, values, columns), minmax(8, groupSize));
      const absmaxima = groupSize === 0 ? [1] : [1, 2, 4];
      expect([...scales]).toEqual(absmaxima.map((absmax) => Math.fround(absmax / 127)));
      expect(codes.every((code) => code === 127)).toBe(true);
    });

    it('names the first weight that is not finite', () => {
      for (const clip of clips) {
        for (const groupSize of groupSizes) {
          for (const value of [NaN, Infinity, -Infinity]) {
            const values = new Float32Array(3 * 300).fill(0.5);
            values[2 * 300 + 7] = NaN;
            values[300 + 290] = value;
            const quantize = (): unknown =>
              run(quantizeRows, floatRows(dtype, values, 300), { bits: 8, groupSize, clip });
            expect(quantize).toThrow(new NonFiniteWeightError(1, 290, value));
          }
        }
      }
    });

    it('accepts matrices without rows or columns', () => {
      const empty = floatRows(dtype, [], 4);
      expect(run(quantizeRows, { ...empty, rows: 0 }, minmax(8))).toEqual({
        codes: new Int8Array(0),
        scales: new Float32Array(0),
      });
      for (const clip of clips) {
        const { scales } = run(quantizeRows, { ...empty, rows: 2, columns: 0 }, { bits: 4, groupSize: 0, clip });
        expect([...scales]).toEqual([1, 1]);
      }
    });
  });

  it('refuses lengths, dtypes and percentiles that make no sense', () => {
    const source = floatRows('BF16', [1, 2, 3, 4], 2);
    const attempt = (change: Partial<FloatRows>, scheme: WeightScheme, codes = 4, scales = 2) => {
      return (): void => {
        quantizeRows({ ...source, ...change }, scheme, new Int8Array(codes), new Float32Array(scales));
      };
    };
    expect(attempt({}, minmax(8))).not.toThrow();
    expect(attempt({ rows: 3 }, minmax(8))).toThrow('data holds 4 elements, not 6');
    expect(attempt({ dtype: 'F32' }, minmax(8))).toThrow('F32 does not come in a Uint16Array');
    expect(attempt({ data: new Float32Array(4) }, minmax(8))).toThrow('BF16 does not come in a Float32Array');
    expect(attempt({}, minmax(8), 3)).toThrow('codes holds 3 elements, not 4');
    expect(attempt({}, minmax(8), 4, 1)).toThrow('scales holds 1 elements, not 2');
    for (const percentile of [0, -1, 100.1, NaN]) {
      const scheme: WeightScheme = { ...minmax(8), clip: { kind: 'percentile', percentile } };
      expect(attempt({}, scheme)).toThrow(RangeError);
    }
  });
});
