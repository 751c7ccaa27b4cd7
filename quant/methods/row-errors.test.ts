import { describe, expect, it } from 'vitest';
import { matrix } from '../../kernels/linear-algebra.ts';
import { referenceLinearAlgebra as algebra } from '../../kernels/reference/linear-algebra.ts';
import { correlatedInputs, gram, outputErrors, sampleWeights } from './hessian.test.samples.ts';
import { rowErrors } from './row-errors.ts';

describe('rowErrors', () => {
  it.each([1, 40, 256, 257, 600])('is the squared error of the outputs, over %d columns', async (columns) => {
    const inputs = correlatedInputs(columns, 20, columns);
    const delta = sampleWeights(3, columns, 1);
    const errors = await rowErrors(matrix(delta, 3, columns), matrix(gram(inputs, columns), columns, columns), algebra);
    outputErrors(delta, inputs, columns).forEach((expected, n) => {
      // Sums of up to 600² products of both signs, a hundred times larger than what they come to.
      expect(Math.abs(errors[n] / expected - 1)).toBeLessThan(1e-10);
    });
  });
});
