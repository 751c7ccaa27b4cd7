import type { TensorEntry } from './checkpoint.ts';

/** Dtypes that weights are stored in, and computed with. */
export const weightDtypes = ['F32', 'F16', 'BF16'] as const;
export type WeightDtype = (typeof weightDtypes)[number];

export const isWeightDtype = (name: string): name is WeightDtype => weightDtypes.some((dtype) => dtype === name);

/** The dtype of a tensor of the model: `checkTensors` lets no others through. */
export function weightDtype({ name, dtype }: Pick<TensorEntry, 'name' | 'dtype'>): WeightDtype {
  if (isWeightDtype(dtype)) return dtype;
  throw new RangeError(`${name} has dtype ${dtype}`);
}
