import type { AffineWeight, DenseWeight, IntegerWeight, LoadedDenseWeight } from '../../kernels/backend.ts';
import type { Checkpoint, TensorEntry } from '../../quant/checkpoint/checkpoint.ts';
import { readQuantizedWeight, type QuantizedWeight } from '../../quant/checkpoint/compressed-tensors-weight.ts';
import { storageFormat, type QuantizedLinear } from '../../quant/checkpoint/compressed-tensors.ts';
import { InputError } from '../../quant/errors.ts';

/** What of a checkpoint is needed to read weights. */
export type TensorSource = Pick<Checkpoint, 'files' | 'tensors' | 'readBytes' | 'readFloats'>;

/** The entry of a tensor that the model must have. @throws InputError `E_TENSOR_MISSING` */
export function findTensor(checkpoint: TensorSource, name: string): TensorEntry {
  const entry = checkpoint.tensors.get(name);
  if (entry) return entry;
  throw new InputError(`tensor ${JSON.stringify(name)} is missing from the checkpoint`, {
    code: 'E_TENSOR_MISSING',
    details: { tensor: name },
  });
}

/** A float matrix as it stands in its file, for backends that map files; what none of them knows is read and widened. */
export function denseWeight(checkpoint: TensorSource, name: string): DenseWeight {
  const entry = findTensor(checkpoint, name);
  const path = checkpoint.files.find((file) => file.name === entry.file)?.path;
  const { dtype, offset, bytes } = entry;
  if (path === undefined || (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16')) {
    return readDenseWeight(checkpoint, name);
  }
  const [outFeatures, inFeatures] = entry.shape;
  const read = (): LoadedDenseWeight['data'] => readDenseWeight(checkpoint, name).data;
  return { kind: 'dense', outFeatures, inFeatures, dtype, data: { path, offset, bytes, read } };
}

/** A float matrix, of which F16 and BF16 stay 16-bit patterns; what is stored otherwise is widened. */
export function readDenseWeight(checkpoint: TensorSource, name: string): LoadedDenseWeight {
  const entry = findTensor(checkpoint, name);
  const [outFeatures, inFeatures] = entry.shape;
  const shape = { kind: 'dense', outFeatures, inFeatures } as const;
  if (entry.dtype === 'F16' || entry.dtype === 'BF16') {
    const { buffer, byteOffset, byteLength } = checkpoint.readBytes(entry);
    return { ...shape, dtype: entry.dtype, data: new Uint16Array(buffer, byteOffset, byteLength / 2) };
  }
  return { ...shape, dtype: 'F32', data: checkpoint.readFloats(entry) };
}

/** The weight of a linear layer that the checkpoint itself holds quantized. */
export function readStoredWeight(
  checkpoint: TensorSource,
  module: string,
  scheme: QuantizedLinear,
): IntegerWeight | AffineWeight {
  const weight = readQuantizedWeight(checkpoint, module, scheme);
  return storageFormat(scheme.mode) === 'int-quantized' ? { kind: 'integer', ...weight } : affineOf(weight);
}

/** Symmetric codes in the form of weight-only layers: scale · code = scale · (code + 2^(b-1)) - 2^(b-1) · scale. */
function affineOf({ codes, scales, bits, ...shape }: QuantizedWeight): AffineWeight {
  const offset = 2 ** (bits - 1);
  return {
    kind: 'affine',
    bits,
    ...shape,
    codes: Uint8Array.from(codes, (code) => code + offset),
    scales,
    biases: scales.map((scale) => -offset * scale),
  };
}
