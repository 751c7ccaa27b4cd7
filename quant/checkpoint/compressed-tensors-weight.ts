import { InputError } from '../errors.ts';
import { groupsPerRow } from '../schemes/scheme.ts';
import type { Checkpoint, TensorEntry } from './checkpoint.ts';
import { quantizedTensors, storageFormat, weightBits, type QuantizedLinear } from './compressed-tensors.ts';
import { unpackCodes } from './packing.ts';
import { quoted } from './quoted.ts';

/** A symmetric quantized weight `[outFeatures, inFeatures]` whose codes were not read: `w = code · scale`. */
export interface UnreadWeight {
  outFeatures: number;
  inFeatures: number;
  bits: 8 | 4;
  groupSize: number;
  /** `[outFeatures, inFeatures / groupSize]`, or `[outFeatures]` when `groupSize` is 0. */
  scales: Float32Array;
  /** The tensor of the codes: one an element of I8, or packed into I32 words as packing.ts has it. */
  stored: TensorEntry;
}

/** A symmetric quantized weight `[outFeatures, inFeatures]`: `w = code · scale` of its row or group. */
export interface QuantizedWeight extends Omit<UnreadWeight, 'stored'> {
  /** `[outFeatures, inFeatures]`, one code an element. */
  codes: Int8Array;
}

type Source = Pick<Checkpoint, 'tensors' | 'readBytes' | 'readFloats'>;

/** Scales are written as F32; other writers keep the dtype that the weight had. */
const scaleDtypes = ['F32', 'F16', 'BF16'];

/**
 * Reads and checks what stands for `module.weight` in a compressed-tensors checkpoint.
 *
 * @throws InputError `E_CODE_RANGE`, and as `findQuantizedWeight`
 */
export function readQuantizedWeight(checkpoint: Source, module: string, scheme: QuantizedLinear): QuantizedWeight {
  const found = findQuantizedWeight(checkpoint, module, scheme);
  const { outFeatures, inFeatures, bits, groupSize, scales } = found;
  return { outFeatures, inFeatures, bits, groupSize, codes: readCodes(checkpoint, found), scales };
}

/** The codes of a weight, `[outFeatures, inFeatures]`, one an element. @throws InputError `E_CODE_RANGE` */
export function readCodes(checkpoint: Source, { stored, outFeatures, inFeatures, bits }: UnreadWeight): Int8Array {
  const bytes = checkpoint.readBytes(stored);
  if (stored.dtype === 'I32') return unpackCodes(bytes, outFeatures, inFeatures, bits);
  const codes = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bits === 4) checkFourBits(stored, codes, inFeatures);
  return codes;
}

/**
 * Checks what stands for `module.weight` in a compressed-tensors checkpoint, and reads all but the codes.
 *
 * @throws InputError `E_TENSOR_*` for shapes and dtypes, `E_GROUP_SIZE`, `E_SCALE`, naming the tensor
 */
export function findQuantizedWeight(checkpoint: Source, module: string, scheme: QuantizedLinear): UnreadWeight {
  const { mode, groupSize } = scheme;
  const bits = weightBits(mode);
  const isPacked = storageFormat(mode) === 'pack-quantized';
  const codesEntry = find(checkpoint, `${module}.${isPacked ? 'weight_packed' : 'weight'}`);
  const scaleEntry = find(checkpoint, `${module}.weight_scale`);
  const shape = isPacked ? readShape(checkpoint, module) : matrixShape(codesEntry);
  const [outFeatures, inFeatures] = shape;
  if (groupSize !== 0 && inFeatures % groupSize !== 0) {
    throw refusal(
      codesEntry,
      'E_GROUP_SIZE',
      `has ${inFeatures} columns, not a multiple of the group size ${groupSize}`,
    );
  }
  for (const expected of quantizedTensors(module, shape, mode, groupSize)) {
    const found = find(checkpoint, expected.name);
    expectDtype(found, expected.dtype === 'F32' ? scaleDtypes : [expected.dtype]);
    expectShape(found, expected.shape);
  }
  const scales = checkpoint.readFloats(scaleEntry);
  checkScales(scaleEntry, scales, groupsPerRow(inFeatures, groupSize));
  return { outFeatures, inFeatures, bits, groupSize, scales, stored: codesEntry };
}

function find(checkpoint: Source, name: string): TensorEntry {
  const entry = checkpoint.tensors.get(name);
  if (entry) return entry;
  throw new InputError(`tensor ${quoted(name)} is missing from the checkpoint`, {
    code: 'E_TENSOR_MISSING',
    hint: 'the quantization_config in config.json may belong to another checkpoint',
    details: { tensor: name },
  });
}

function matrixShape(entry: TensorEntry): readonly number[] {
  if (entry.shape.length === 2) return entry.shape;
  throw refusal(entry, 'E_TENSOR_SHAPE', `has the shape [${entry.shape.join(', ')}], expected a matrix`);
}

/** The shape before packing, which `weight_packed` only tells up to its padding. */
function readShape(checkpoint: Source, module: string): readonly number[] {
  const entry = find(checkpoint, `${module}.weight_shape`);
  expectDtype(entry, ['I64']);
  expectShape(entry, [2]);
  const bytes = checkpoint.readBytes(entry);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = [view.getBigInt64(0, true), view.getBigInt64(8, true)];
  if (shape.some((length) => length < 0n || length > BigInt(Number.MAX_SAFE_INTEGER))) {
    throw refusal(entry, 'E_TENSOR_SHAPE', `holds [${shape.join(', ')}], which is no shape`);
  }
  return shape.map(Number);
}

function expectDtype(entry: TensorEntry, known: readonly string[]): void {
  if (known.includes(entry.dtype)) return;
  throw refusal(entry, 'E_TENSOR_DTYPE', `has the dtype ${entry.dtype}, expected ${known.join(', ')}`);
}

function expectShape(entry: TensorEntry, expected: readonly number[]): void {
  const { shape } = entry;
  if (shape.length === expected.length && shape.every((length, axis) => length === expected[axis])) return;
  throw refusal(entry, 'E_TENSOR_SHAPE', `has the shape [${shape.join(', ')}], expected [${expected.join(', ')}]`);
}

function checkFourBits(entry: TensorEntry, codes: Int8Array, columns: number): void {
  const at = codes.findIndex((code) => code < -8 || code > 7);
  if (at === -1) return;
  throw refusal(entry, 'E_CODE_RANGE', `holds ${codes[at]} at ${position(at, columns)}, expected -8 to 7`);
}

function checkScales(entry: TensorEntry, scales: Float32Array, columns: number): void {
  const at = scales.findIndex((scale) => !(scale > 0 && scale < Infinity));
  if (at === -1) return;
  throw refusal(entry, 'E_SCALE', `holds ${scales[at]} at ${position(at, columns)}, expected a finite positive scale`);
}

const position = (index: number, columns: number): string => `[${Math.floor(index / columns)}, ${index % columns}]`;

function refusal(entry: TensorEntry, code: string, what: string): InputError {
  return new InputError(`${entry.file}: tensor ${quoted(entry.name)} ${what}`, {
    code,
    details: { file: entry.file, tensor: entry.name },
  });
}
