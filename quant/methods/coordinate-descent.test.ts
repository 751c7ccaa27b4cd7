import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrix } from '../../kernels/linear-algebra.ts';
import { referenceLinearAlgebra as algebra } from '../../kernels/reference/linear-algebra.ts';
import type { WeightScheme } from '../schemes/scheme.ts';
import { descendCodes } from './coordinate-descent.ts';
import { exhaustiveSweep } from './gptq.test.oracle.ts';
import { correlatedInputs, gram, layers, outputErrors, sampleWeights } from './hessian.test.samples.ts';
import { differences, roundRows, type QuantizedRows } from './quantized-rows.ts';

const int4: WeightScheme = { bits: 4, groupSize: 32, clip: { kind: 'minmax' } };

async function sweep(weight: Float64Array, target: QuantizedRows, values: Float64Array): Promise<boolean> {
  const { rows, columns } = target;
  const delta = matrix(differences(weight, target), rows, columns);
  const changed = await descendCodes(delta, target, matrix(values, columns, columns), algebra);
  // What was kept up to date is what it says, up to the rounding of a few differences.
  differences(weight, target).forEach((value, i) => {
    expect(Math.abs(value - delta.data[i])).toBeLessThan(1e-14 * Math.abs(weight[i]) + 1e-14);
  });
  return changed;
}

describe('descendCodes', () => {
  it('gives each column in turn the best of all codes', async () => {
    const [rows, columns] = [2, 140];
    const inputs = correlatedInputs(columns, 30, 5, [3]);
    const weight = sampleWeights(rows, columns, 6);
    const target = roundRows(Float32Array.from(weight), rows, columns, int4);
    const expected = exhaustiveSweep(target, (codes, row) => {
      const delta = differences(weight, { ...target, codes }).subarray(row * columns, (row + 1) * columns);
      return outputErrors(delta, inputs, columns)[0];
    });
    // A dead column has no best code: it stays.
    for (let n = 0; n < rows; n++) expected[n * columns + 3] = target.codes[n * columns + 3];
    expect(await sweep(weight, target, gram(inputs, columns))).toBe(true);
    expect(target.codes).toEqual(expected);
  });

  it('never makes a row worse, and comes to an end', async () => {
    await fc.assert(
      fc.asyncProperty(
        layers,
        fc.constantFrom<8 | 4>(8, 4),
        async ({ rows, columns, inputs, values, weight }, bits) => {
          const target = roundRows(Float32Array.from(weight), rows, columns, { ...int4, bits });
          let errors = outputErrors(differences(weight, target), inputs, columns);
          let changed = true;
          for (let i = 0; changed && i < 1000; i++) {
            changed = await sweep(weight, target, values);
            const now = outputErrors(differences(weight, target), inputs, columns);
            now.forEach((error, n) => {
              expect(error).toBeLessThanOrEqual(errors[n] * (1 + 1e-9) + 1e-12);
            });
            errors = now;
          }
          expect(changed).toBe(false);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('changes nothing where errors of columns do not add up', async () => {
    const weight = sampleWeights(3, 50, 8);
    const target = roundRows(Float32Array.from(weight), 3, 50, int4);
    const before = target.codes.slice();
    const diagonal = Float64Array.from({ length: 2500 }, (_, i) => (i % 51 === 0 ? 1 + i : 0));
    expect(await sweep(weight, target, diagonal)).toBe(false);
    expect(target.codes).toEqual(before);
  });
});
