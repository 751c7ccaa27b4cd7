import type { ModelTensor } from '../architecture.ts';
import type { TensorEntry } from '../checkpoint.ts';
import { expectTensor, expectWholeGroups, requireTensor, tensorRefusal } from '../expect-tensor.ts';
import { weightDtypes } from '../weight-dtype.ts';
import { wordsOf } from '../bit-stream.ts';
import { describeMlxScheme, type MlxScheme } from './scheme.ts';

/** The tensors that stand for a weight `[N, K]`. */
export interface MlxWeight {
  scheme: MlxScheme;
  /** U32 `[N, K · bits / 32]`. */
  codes: TensorEntry;
  /** `[N, K / groupSize]`: floats in mode affine, else patterns in U8. */
  scales: TensorEntry;
  /** As the scales, in mode affine only. */
  biases: TensorEntry | undefined;
  /** One F32, in mode nvfp4 only. */
  globalScale: TensorEntry | undefined;
}

type Tensors = ReadonlyMap<string, TensorEntry>;

/**
 * Finds what stands for the weight of a module, and checks names, shapes and dtypes.
 *
 * @throws InputError `E_TENSOR_MISSING`, `E_TENSOR_SHAPE`, `E_TENSOR_DTYPE`, `E_TENSOR_UNEXPECTED`, `E_GROUP_SIZE`
 */
export function findMlxWeight(tensors: Tensors, { module, shape }: ModelTensor, scheme: MlxScheme): MlxWeight {
  const { mode, bits, groupSize } = scheme;
  const [rows, columns] = shape;
  const from = describeMlxScheme(scheme);
  const find = (part: string): TensorEntry => requireTensor(tensors, `${module}.${part}`, from);
  const codes = find('weight');
  expectWholeGroups(codes, columns, groupSize);
  expectTensor(codes, ['U32'], [rows, wordsOf('dense', columns, bits)], from);
  const scales = find('scales');
  const groups = [rows, columns / groupSize];
  expectTensor(scales, mode === 'affine' ? weightDtypes : ['U8'], groups, from);
  const biases = mode === 'affine' ? find('biases') : tensors.get(`${module}.biases`);
  if (biases && mode !== 'affine') throw tensorRefusal(biases, 'E_TENSOR_UNEXPECTED', `has no use with mode ${mode}`);
  if (biases) expectTensor(biases, weightDtypes, groups, from);
  const globalScale = tensors.get(`${module}.global_scale`);
  if (globalScale && mode !== 'nvfp4') {
    throw tensorRefusal(globalScale, 'E_TENSOR_UNEXPECTED', `has no use with mode ${mode}, only with nvfp4`);
  }
  if (globalScale) expectTensor(globalScale, ['F32'], globalScale.shape.length === 0 ? [] : [1], from);
  return { scheme, codes, scales, biases, globalScale };
}
