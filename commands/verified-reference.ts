import { openReferenceBackend } from '../kernels/reference/backend.ts';
import type { VerifiableBackend, WeightQuantizer } from '../kernels/verify/weight-quantizer.ts';
import { quantizeRowsReference } from '../quant/schemes/reference.ts';
import { NonFiniteWeightError } from '../quant/schemes/scheme.ts';

/** The reference, with the quantizer of weights as docs/numerics.md writes it, which is no part of any backend. */
export function openVerifiedReference(): VerifiableBackend {
  return { ...openReferenceBackend(), quantizeRows };
}

const quantizeRows: WeightQuantizer = ({ bits, groupSize, ...rows }, codes, scales) =>
  new Promise((resolve) => {
    try {
      quantizeRowsReference(rows, { bits, groupSize, clip: { kind: 'minmax' } }, codes, scales);
    } catch (error) {
      if (!(error instanceof NonFiniteWeightError)) throw error;
      throw new RangeError(`NaN or infinity in row ${error.row}, column ${error.column}`, { cause: error });
    }
    resolve();
  });
