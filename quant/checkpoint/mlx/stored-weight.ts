import type { ModelTensor } from '../architecture.ts';
import { unpackRows } from '../bit-stream.ts';
import { checkFits } from '../check-fits.ts';
import type { TensorEntry, WeightSource } from '../checkpoint.ts';
import { tensorRefusal } from '../expect-tensor.ts';
import { promoted } from '../float-arithmetic.ts';
import type { ReadScales, StoredCodes, StoredTensor } from '../stored-model.ts';
import { weightDtype, type WeightDtype } from '../weight-dtype.ts';
import { dequantizeAffineGroups, dequantizeFloatGroups, microscale, nvScale } from './dequantize.ts';
import type { MlxWeight } from './find-weight.ts';
import { mlxSchemeName } from './scheme.ts';

/** A quantized weight as a tensor of the float layout. */
export function mlxStoredTensor(
  checkpoint: WeightSource,
  { name, shape }: ModelTensor,
  weight: MlxWeight,
): StoredTensor {
  const { scheme, codes, scales, biases, globalScale } = weight;
  const common = {
    name,
    shape,
    stored: mlxSchemeName(scheme).replace('-', ' '),
    file: codes.file,
    bytes: codes.bytes + scales.bytes + (biases?.bytes ?? 0) + (globalScale?.bytes ?? 0),
  };
  if (!biases) {
    // MLX computes the float modes in BF16, but for a scale of the whole tensor, which is F32.
    const dtype = globalScale ? 'F32' : 'BF16';
    const readFloats = (): Float32Array => readFloatMode(checkpoint, weight, dtype);
    return { ...common, dtype, codes: undefined, readFloats };
  }
  const dtypes = { scales: weightDtype(scales), biases: weightDtype(biases) };
  return {
    ...common,
    dtype: promoted(dtypes.scales, dtypes.biases),
    codes: storedCodes(checkpoint, weight, biases),
    readFloats: () => {
      checkFitsAsFloats(weight);
      const groups = { scales: readScales(checkpoint, scales), biases: readScales(checkpoint, biases) };
      const { bits, groupSize } = scheme;
      return dequantizeAffineGroups({ codes: readCodes(checkpoint, weight), bits, groupSize, ...groups, dtypes });
    },
  };
}

function storedCodes(checkpoint: WeightSource, weight: MlxWeight, biases: TensorEntry): StoredCodes {
  const { scheme, codes, scales } = weight;
  const { bits, groupSize } = scheme;
  const path = checkpoint.files.find(({ name }) => name === codes.file)?.path;
  const groups = (): Required<ReadScales> => ({
    scales: readScales(checkpoint, scales),
    biases: readScales(checkpoint, biases),
  });
  const read = (): Uint8Array => readCodes(checkpoint, weight);
  const checkUnchanged = (): void => {
    checkpoint.checkUnchanged(codes);
  };
  const isMapped = path !== undefined && (bits === 4 || bits === 8);
  return {
    kind: 'affine',
    bits,
    groupSize,
    quantizesActivations: false,
    // Only in F32 is nothing rounded on the way but by the product and the sum themselves.
    exact: scales.dtype === 'F32',
    ...(isMapped && {
      inFile: { path, offset: codes.offset, bytes: codes.bytes, storage: 'words', checkUnchanged, read },
      readScales: groups,
    }),
    read: () => ({ kind: 'affine', codes: read(), ...groups() }),
  };
}

const elementsOf = ({ codes, scheme: { bits } }: MlxWeight): number => (codes.bytes * 8) / bits;

const checkFitsAsFloats = (weight: MlxWeight): void => {
  checkFits(weight.codes, elementsOf(weight) * Float32Array.BYTES_PER_ELEMENT);
};

/** `[N, K]`, one a byte. @throws ResourceError `E_TENSOR_TOO_LARGE` */
function readCodes(checkpoint: WeightSource, weight: MlxWeight): Uint8Array {
  const { codes, scheme } = weight;
  checkFits(codes, elementsOf(weight));
  const [rows, words] = codes.shape;
  return unpackRows(checkpoint.readBytes(codes), rows, (words * 32) / scheme.bits, scheme.bits, 'dense');
}

/** Scales or biases of groups, widened. @throws InputError `E_SCALE` */
function readScales(checkpoint: WeightSource, entry: TensorEntry): Float32Array {
  const values = checkpoint.readFloats(entry);
  checkScales(entry, values);
  return values;
}

function checkScales(entry: TensorEntry, values: Float32Array): void {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at === -1) return;
  const groups = entry.shape[1];
  const index = `[${Math.floor(at / groups)}, ${at % groups}]`;
  throw tensorRefusal(entry, 'E_SCALE', `holds ${values[at]} at ${index}, expected finite values`);
}

function readFloatMode(checkpoint: WeightSource, weight: MlxWeight, dtype: WeightDtype): Float32Array {
  const { scheme, scales, globalScale } = weight;
  checkFitsAsFloats(weight);
  const whole = globalScale && checkpoint.readFloats(globalScale)[0];
  if (globalScale && whole !== undefined && !Number.isFinite(whole)) {
    throw tensorRefusal(globalScale, 'E_SCALE', `holds ${whole}, expected a finite value`);
  }
  const patterns = checkpoint.readBytes(scales);
  const scaleOf = scheme.mode === 'nvfp4' ? (bits: number) => nvScale(bits, whole) : microscale;
  const values = Float32Array.from(patterns, scaleOf);
  checkScales(scales, values);
  return dequantizeFloatGroups(readCodes(checkpoint, weight), scheme.bits, values, scheme.groupSize, dtype);
}
