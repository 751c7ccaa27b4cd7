import type { StoredCodes as CodesInFile } from '../../../kernels/weight-kinds.ts';
import { unsignedCodes } from '../../schemes/symmetric-as-affine.ts';
import type { ModelTensor } from '../architecture.ts';
import { checkFits } from '../check-fits.ts';
import type { WeightSource } from '../checkpoint.ts';
import type { ReadCodes, StoredCodes, StoredTensor } from '../stored-model.ts';
import { weightDtype } from '../weight-dtype.ts';
import { dequantizeWeight, groupsInOrder } from './dequantize.ts';
import type { FoundWeight } from './find-weight.ts';
import { isComputedWithIntegers, type CodeBits, type LayerScheme } from './layer-scheme.ts';
import { readColumnGroups, readGrid, readSignedCodes, type Grid } from './read-weight.ts';

/** A quantized weight of a compressed-tensors checkpoint. Nothing is read yet. */
export function storedWeight(
  source: WeightSource,
  { name, shape }: ModelTensor,
  weight: FoundWeight,
  layer: LayerScheme,
): StoredTensor {
  const { scheme, codes, scales, zeroPoints, shape: storedShape, columnGroups } = weight;
  const dtype = weightDtype(scales);
  const entries = [codes, scales, zeroPoints, storedShape, columnGroups];
  return {
    name,
    shape,
    stored: describeStored(weight),
    file: codes.file,
    bytes: entries.reduce((total, entry) => total + (entry?.bytes ?? 0), 0),
    dtype,
    // Columns whose groups lie apart are no groups of consecutive k.
    codes: columnGroups ? undefined : storedCodes(source, shape, weight, layer),
    readFloats: () => {
      const [rows, columns] = shape;
      checkFits(codes, rows * columns * Float32Array.BYTES_PER_ELEMENT);
      const grid = readGrid(source, weight, shape);
      const groupOf = readColumnGroups(source, weight) ?? groupsInOrder(columns, scheme.groupSize);
      return dequantizeWeight(readSignedCodes(source, weight, shape), grid, groupOf, dtype);
    },
  };
}

function describeStored({ scheme }: FoundWeight): string {
  const { bits, strategy, groupSize, isSymmetric, hasColumnGroups } = scheme;
  const grid = { tensor: ' per tensor', channel: '', group: ` g${groupSize}` }[strategy];
  return `int${bits}${grid}${isSymmetric ? '' : ' asymmetric'}${hasColumnGroups ? ' reordered' : ''}`;
}

function storedCodes(
  source: WeightSource,
  shape: readonly number[],
  weight: FoundWeight,
  layer: LayerScheme,
): StoredCodes {
  const { scheme, scales } = weight;
  const { bits, isSymmetric, groupSize } = scheme;
  const readSigned = () => readSignedCodes(source, weight, shape);
  const scalesOf = (grid: Grid) =>
    isSymmetric ? { scales: grid.scales } : { scales: grid.scales, biases: biasesOf(grid, bits) };
  const inFile = codesInFile(source, weight, layer, readSigned);
  return {
    kind: isSymmetric ? 'symmetric' : 'affine',
    // No kernel has 7 bits; the codes are among those of 8.
    bits: bits === 7 ? 8 : bits,
    groupSize,
    quantizesActivations: layer.inputs.kind === 'int8',
    // The product of f32 is rounded once either way; a sum of two is rounded thrice.
    exact: isSymmetric && scales.dtype === 'F32',
    inFile,
    readScales: inFile && (() => scalesOf(readGrid(source, weight, shape))),
    read: (): ReadCodes => {
      const grid = readGrid(source, weight, shape);
      const signed = readSigned();
      if (isSymmetric) return { kind: 'symmetric', codes: signed, scales: grid.scales };
      return { kind: 'affine', codes: unsignedCodes(signed, bits), scales: grid.scales, biases: biasesOf(grid, bits) };
    },
  };
}

/** Codes are counted from the lowest: (code - zero point) · scale = scale · unsigned - (zero point + 2^(b-1)) · scale. */
function biasesOf({ scales, zeroPoints }: Grid, bits: CodeBits): Float32Array {
  return scales.map((scale, at) => -((zeroPoints?.[at] ?? 0) + 2 ** (bits - 1)) * scale);
}

/** Layouts that backends know: a signed code a byte for integer products, words of 4 or 8 bits for float products. */
function codesInFile(
  source: WeightSource,
  { scheme, codes }: FoundWeight,
  layer: LayerScheme,
  readSigned: () => Int8Array,
): CodesInFile<Int8Array> | CodesInFile<Uint8Array> | undefined {
  const { bits, isPacked } = scheme;
  const isInteger = !isPacked && isComputedWithIntegers(layer);
  const isWords = isPacked && !isComputedWithIntegers(layer) && (bits === 8 || bits === 4);
  const path = source.files.find(({ name }) => name === codes.file)?.path;
  if (path === undefined || (!isInteger && !isWords)) return undefined;
  const checkUnchanged = (): void => {
    source.checkUnchanged(codes);
  };
  const place = { path, offset: codes.offset, bytes: codes.bytes, checkUnchanged };
  if (isInteger) return { ...place, storage: 'bytes', read: readSigned };
  return { ...place, storage: 'words', read: () => unsignedCodes(readSigned(), bits) };
}
