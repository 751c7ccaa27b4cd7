import type { TensorEntry } from './checkpoint.ts';

/** Dtypes that weights are stored in. */
export type WeightDtype = 'F32' | 'F16' | 'BF16';

/** The dtype of a tensor of the model: `checkTensors` lets no others through. */
export function weightDtype({ name, dtype }: Pick<TensorEntry, 'name' | 'dtype'>): WeightDtype {
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') return dtype;
  throw new RangeError(`${name} has dtype ${dtype}`);
}
