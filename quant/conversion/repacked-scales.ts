import type { ReadScales, StoredTensor } from '../checkpoint/stored-model.ts';
import { regroup } from '../schemes/regroup.ts';
import { symmetricBiases } from '../schemes/symmetric-as-affine.ts';
import type { OutputFormatName, WeightStorage } from './formats/output-format.ts';
import { roundScales } from './formats/rounded-scales.ts';

/**
 * Scales (and biases) of a quantized weight in the groups of another format, or why it cannot have them: codes are not to
 * change, nor what they stand for.
 */
export function repackedScales(
  { codes, shape: [, columns] }: StoredTensor,
  { groupSize, scaleDtype }: WeightStorage,
  format: OutputFormatName,
): ReadScales | string {
  if (!codes) return 'it has no codes';
  const found: ReadScales = codes.readScales?.() ?? codes.read();
  const scales = regroup(found.scales, columns, codes.groupSize, groupSize);
  const biases = found.biases && regroup(found.biases, columns, codes.groupSize, groupSize);
  if (!scales || (found.biases && !biases)) {
    return `its ${sizeOf(codes.groupSize)} cannot become ${sizeOf(groupSize)}`;
  }
  const stored = biases ?? symmetricBiases(scales, codes.bits);
  if (!isHeld(scales, scaleDtype) || (format === 'mlx' && !isHeld(stored, scaleDtype))) {
    return `its scales are not held by ${scaleDtype}`;
  }
  if (format === 'compressed-tensors') {
    const zero = 2 ** (codes.bits - 1);
    const at = scales.findIndex((scale, group) => !(scale > 0 && stored[group] === -zero * scale));
    if (at !== -1) {
      return `a scale of ${scales[at]} has the bias ${stored[at]}; symmetric codes have -${zero} times a positive scale`;
    }
  }
  return biases ? { scales, biases } : { scales };
}

const sizeOf = (groupSize: number): string => (groupSize === 0 ? 'scales of whole rows' : `groups of ${groupSize}`);

const isHeld = (values: Float32Array, dtype: WeightStorage['scaleDtype']): boolean => {
  const rounded = roundScales(values, dtype);
  return values.every((value, i) => value === rounded[i]);
};
