import type { AffineWeight, DenseWeight, IntegerWeight, LoadedDenseWeight, Stored } from '../../kernels/backend.ts';
import type { Checkpoint, TensorEntry } from '../../quant/checkpoint/checkpoint.ts';
import { findQuantizedWeight, readCodes } from '../../quant/checkpoint/compressed-tensors-weight.ts';
import { storageFormat, type QuantizedLinear } from '../../quant/checkpoint/compressed-tensors.ts';
import { InputError } from '../../quant/errors.ts';
import { symmetricBiases, unsignedCodes } from '../../quant/schemes/symmetric-as-affine.ts';

/** What of a checkpoint is needed to read weights. */
export type TensorSource = Pick<Checkpoint, 'files' | 'tensors' | 'readBytes' | 'readFloats' | 'checkUnchanged'>;

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
  const { dtype } = entry;
  const isKnown = dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
  const data = isKnown && storedTensor(checkpoint, entry, () => readDenseWeight(checkpoint, name).data);
  if (!data) return readDenseWeight(checkpoint, name);
  const [outFeatures, inFeatures] = entry.shape;
  return { kind: 'dense', outFeatures, inFeatures, dtype, data };
}

/** A tensor as it stands in its file, for backends that map files; undefined if no file of the checkpoint holds it. */
function storedTensor<Elements>(
  checkpoint: TensorSource,
  entry: TensorEntry,
  read: () => Elements,
): Stored<Elements> | undefined {
  const path = checkpoint.files.find((file) => file.name === entry.file)?.path;
  if (path === undefined) return undefined;
  const checkUnchanged = (): void => {
    checkpoint.checkUnchanged(entry);
  };
  return { path, offset: entry.offset, bytes: entry.bytes, checkUnchanged, read };
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

/** The weight of a linear layer that the checkpoint itself holds quantized, with its codes where they are. */
export function storedQuantizedWeight(
  checkpoint: TensorSource,
  module: string,
  scheme: QuantizedLinear,
): IntegerWeight | AffineWeight {
  const found = findQuantizedWeight(checkpoint, module, scheme);
  const { outFeatures, inFeatures, bits, groupSize, scales, stored } = found;
  const shape = { outFeatures, inFeatures, bits, groupSize, scales };
  const read = (): Int8Array => readCodes(checkpoint, found);
  if (storageFormat(scheme.mode) === 'int-quantized') {
    const inFile = storedTensor(checkpoint, stored, read);
    return { kind: 'integer', ...shape, codes: inFile ? { ...inFile, storage: 'bytes' } : read() };
  }
  const readUnsigned = (): Uint8Array => unsignedCodes(read(), bits);
  const inFile = storedTensor(checkpoint, stored, readUnsigned);
  const codes = inFile ? ({ ...inFile, storage: 'words' } as const) : readUnsigned();
  return { kind: 'affine', ...shape, codes, biases: symmetricBiases(scales, bits) };
}
