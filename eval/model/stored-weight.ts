import type { AffineWeight, DenseWeight, IntegerWeight, LoadedDenseWeight } from '../../kernels/backend.ts';
import { narrowFloats } from '../../quant/checkpoint/narrow-floats.ts';
import type {
  ReadCodes,
  ReadScales,
  StoredCodes,
  StoredModel,
  StoredTensor,
} from '../../quant/checkpoint/stored-model.ts';
import { InputError } from '../../quant/errors.ts';
import { symmetricBiases, unsignedCodes } from '../../quant/schemes/symmetric-as-affine.ts';

/** What of a model is needed to read weights. */
export type TensorSource = Pick<StoredModel, 'tensors'>;

/** A tensor that the model must have. @throws InputError `E_TENSOR_MISSING` */
export function findTensor(model: TensorSource, name: string): StoredTensor {
  const tensor = model.tensors.get(name);
  if (tensor) return tensor;
  throw new InputError(`tensor ${JSON.stringify(name)} is missing from the checkpoint`, {
    code: 'E_TENSOR_MISSING',
    details: { tensor: name },
  });
}

/** A matrix as floats, where they stand in a file if one holds them, for backends that map files. */
export function denseWeight(tensor: StoredTensor): DenseWeight {
  if (!tensor.inFile) return readDenseWeight(tensor);
  return { ...denseShape(tensor), dtype: tensor.dtype, data: tensor.inFile };
}

/** A matrix as floats, of which F16 and BF16 stay 16-bit patterns; what is stored otherwise becomes f32. */
export function readDenseWeight(tensor: StoredTensor): LoadedDenseWeight {
  const { inFile, dtype, name, stored } = tensor;
  if (inFile) return { ...denseShape(tensor), dtype, data: inFile.read() };
  // Floats of a file, in another order: nothing is lost.
  if (stored === dtype) return { ...denseShape(tensor), dtype, data: narrowFloats(tensor.readFloats(), dtype, name) };
  return { ...denseShape(tensor), dtype: 'F32', data: tensor.readFloats() };
}

function denseShape({ shape: [outFeatures, inFeatures] }: StoredTensor): Omit<DenseWeight, 'dtype' | 'data'> {
  return { kind: 'dense', outFeatures, inFeatures };
}

/** Whether a backend multiplies the codes as integers, with activations quantized per token. */
export const isInteger = ({ kind, bits, quantizesActivations }: StoredCodes): boolean =>
  kind === 'symmetric' && quantizesActivations && (bits === 8 || bits === 4);

/**
 * A weight that the model itself holds quantized, with its codes where they are if a backend can use them there. Codes of
 * other widths than 4 and 8 bits take the next larger one. All but integers are multiplied with float activations.
 */
export function codedWeight(
  { shape: [outFeatures, inFeatures] }: StoredTensor,
  codes: StoredCodes,
): IntegerWeight | AffineWeight {
  const { groupSize } = codes;
  const bits = codes.bits <= 4 ? 4 : 8;
  const shape = { outFeatures, inFeatures, bits, groupSize } as const;
  return isInteger(codes)
    ? { kind: 'integer', ...shape, ...integerElements(codes) }
    : { kind: 'affine', ...shape, ...affineElements(codes) };
}

function integerElements(codes: StoredCodes): Pick<IntegerWeight, 'codes' | 'scales'> {
  const { inFile, readScales } = codes;
  const readSigned = (): Int8Array => symmetric(codes.read()).codes;
  if (inFile?.storage === 'bytes' && readScales) {
    return { codes: { ...inFile, storage: 'bytes', read: readSigned }, scales: readScales().scales };
  }
  return symmetric(codes.read());
}

function affineElements(stored: StoredCodes): Pick<AffineWeight, 'codes' | 'scales' | 'biases'> {
  const { inFile, readScales, bits, kind } = stored;
  const read = (): ReturnType<typeof asAffine> => asAffine(stored.read(), bits);
  // Bytes of symmetric codes are signed; words hold them unsigned.
  const fits = (bits === 8 || bits === 4) && (inFile?.storage === 'words' || kind === 'affine');
  if (!inFile || !readScales || !fits) return read();
  return { codes: { ...inFile, read: () => read().codes }, ...affineScales(readScales(), bits) };
}

function asAffine(read: ReadCodes, bits: number): Pick<AffineWeight, 'scales' | 'biases'> & { codes: Uint8Array } {
  const codes = read.kind === 'affine' ? read.codes : unsignedCodes(read.codes, bits);
  return { codes, ...affineScales(read, bits) };
}

function affineScales({ scales, biases }: ReadScales, bits: number): Pick<AffineWeight, 'scales' | 'biases'> {
  return { scales, biases: biases ?? symmetricBiases(scales, bits) };
}

function symmetric(read: ReadCodes): { codes: Int8Array; scales: Float32Array } {
  if (read.kind === 'symmetric') return { codes: read.codes, scales: read.scales };
  throw new RangeError('symmetric codes were read as affine ones');
}
