import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampleRows } from './sample-rows.ts';

describe('sampleRows', () => {
  it('takes one row of each equal range', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 600 }), (rows, wanted) => {
        const sampled = sampleRows(rows, wanted);
        expect(sampled).toHaveLength(Math.min(rows, wanted));
        sampled.forEach((row, range) => {
          expect(row).toBeGreaterThanOrEqual(Math.floor((range * rows) / sampled.length));
          expect(row).toBeLessThan(Math.floor(((range + 1) * rows) / sampled.length));
        });
      }),
    );
  });

  it('takes about as many first tokens of windows as the text has', () => {
    const first = sampleRows(128 * 512, 4096).filter((row) => row % 512 === 0);
    expect(first.length).toBeGreaterThanOrEqual(4);
    expect(first.length).toBeLessThanOrEqual(16);
  });
});
