import type { LoadedDenseWeight, WeightSource } from '../../kernels/backend.ts';
import { InputError } from '../../quant/errors.ts';
import { quantizeAffine } from '../../quant/schemes/quantize-affine.ts';
import { quantizeRows } from '../../quant/schemes/quantize-rows.ts';
import { groupsPerRow, NonFiniteWeightError } from '../../quant/schemes/scheme.ts';
import type { AffineConfiguration, IntegerConfiguration } from './configurations.ts';

/**
 * The weight as the configuration wants it. A row whose length is not a multiple of the group size ends in a shorter
 * group.
 *
 * @param name of the tensor, for errors
 * @throws InputError `E_NON_FINITE_WEIGHT`
 */
export function quantizeWeight(
  weight: LoadedDenseWeight,
  configuration: IntegerConfiguration | AffineConfiguration,
  name: string,
): WeightSource {
  const { outFeatures, inFeatures, dtype, data } = weight;
  const rows = { dtype, data, rows: outFeatures, columns: inFeatures };
  try {
    if (configuration.kind === 'affine') {
      const { bits, groupSize } = configuration;
      return { kind: 'affine', outFeatures, inFeatures, bits, groupSize, ...quantizeAffine(rows, bits, groupSize) };
    }
    const { scheme } = configuration;
    const codes = new Int8Array(outFeatures * inFeatures);
    const scales = new Float32Array(outFeatures * groupsPerRow(inFeatures, scheme.groupSize));
    quantizeRows(rows, scheme, codes, scales);
    return { kind: 'integer', outFeatures, inFeatures, bits: scheme.bits, groupSize: scheme.groupSize, codes, scales };
  } catch (error) {
    throw error instanceof NonFiniteWeightError ? nonFinite(error, name) : error;
  }
}

function nonFinite(error: NonFiniteWeightError, name: string): InputError {
  const index = `[${error.row}, ${error.column}]`;
  return new InputError(`tensor ${JSON.stringify(name)} holds ${error.value} at ${index}`, {
    code: 'E_NON_FINITE_WEIGHT',
    hint: 'the checkpoint is damaged or its training diverged; no scale can represent such a weight',
    details: { tensor: name, index, value: String(error.value) },
    cause: error,
  });
}
