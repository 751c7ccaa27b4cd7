import { InputError } from '../../errors.ts';
import type { ModelTensor } from '../architecture.ts';
import type { TensorEntry } from '../checkpoint.ts';
import { quoted } from '../quoted.ts';
import { mlxWords } from './bit-stream.ts';
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

const floatDtypes = ['F32', 'F16', 'BF16'];

/**
 * Finds what stands for the weight of a module, and checks names, shapes and dtypes.
 *
 * @throws InputError `E_TENSOR_MISSING`, `E_TENSOR_SHAPE`, `E_TENSOR_DTYPE`, `E_GROUP_SIZE`
 */
export function findMlxWeight(tensors: Tensors, { module, shape }: ModelTensor, scheme: MlxScheme): MlxWeight {
  const { mode, bits, groupSize } = scheme;
  const [rows, columns] = shape;
  const find = (part: string): TensorEntry => {
    const entry = tensors.get(`${module}.${part}`);
    if (entry) return entry;
    throw missing(`${module}.${part}`, scheme);
  };
  const codes = find('weight');
  if (columns % groupSize !== 0) {
    throw refusal(
      codes,
      'E_GROUP_SIZE',
      `stands for ${columns} columns, not a multiple of the group size ${groupSize}`,
    );
  }
  expect(codes, ['U32'], [rows, mlxWords(columns, bits)], scheme);
  const scales = find('scales');
  const groups = [rows, columns / groupSize];
  expect(scales, mode === 'affine' ? floatDtypes : ['U8'], groups, scheme);
  const biases = mode === 'affine' ? find('biases') : tensors.get(`${module}.biases`);
  if (biases && mode !== 'affine') throw refusal(biases, 'E_TENSOR_UNEXPECTED', `has no use with mode ${mode}`);
  if (biases) expect(biases, floatDtypes, groups, scheme);
  const globalScale = tensors.get(`${module}.global_scale`);
  if (globalScale && mode !== 'nvfp4') {
    throw refusal(globalScale, 'E_TENSOR_UNEXPECTED', `has no use with mode ${mode}, only with nvfp4`);
  }
  if (globalScale) expect(globalScale, ['F32'], globalScale.shape.length === 0 ? [] : [1], scheme);
  return { scheme, codes, scales, biases, globalScale };
}

function missing(name: string, scheme: MlxScheme): InputError {
  return new InputError(`tensor ${quoted(name)} is missing from the checkpoint (${describeMlxScheme(scheme)})`, {
    code: 'E_TENSOR_MISSING',
    hint: 'the quantization in config.json may belong to another checkpoint',
    details: { tensor: name },
  });
}

function expect(entry: TensorEntry, dtypes: readonly string[], shape: readonly number[], scheme: MlxScheme): void {
  const from = `(${describeMlxScheme(scheme)})`;
  if (!dtypes.includes(entry.dtype)) {
    throw refusal(entry, 'E_TENSOR_DTYPE', `has the dtype ${entry.dtype}, expected ${dtypes.join(', ')} ${from}`);
  }
  const isAlike = entry.shape.length === shape.length && entry.shape.every((length, axis) => length === shape[axis]);
  if (isAlike) return;
  const shapes = `the shape [${entry.shape.join(', ')}], expected [${shape.join(', ')}]`;
  throw refusal(entry, 'E_TENSOR_SHAPE', `has ${shapes} ${from}`);
}

export function refusal(entry: TensorEntry, code: string, what: string): InputError {
  return new InputError(`${entry.file}: tensor ${quoted(entry.name)} ${what}`, {
    code,
    details: { file: entry.file, tensor: entry.name },
  });
}
