import { groupsPerRow } from '../../schemes/scheme.ts';
import { signedCodes } from '../../schemes/symmetric-as-affine.ts';
import { unpackRows } from '../bit-stream.ts';
import { checkFits } from '../check-fits.ts';
import type { Checkpoint, TensorEntry } from '../checkpoint.ts';
import { tensorRefusal } from '../expect-tensor.ts';
import type { FoundWeight } from './find-weight.ts';
import { unpackColumns } from './unpack-columns.ts';

/** What of a checkpoint is read. */
export type Source = Pick<Checkpoint, 'readBytes' | 'readFloats'>;

/** Scales and zero points of a weight `[N, K]`: w = (code - zero point) · scale of its row and group. */
export interface Grid {
  /** `[N, groups]`. */
  scales: Float32Array;
  /** `[N, groups]`; undefined if all are 0. */
  zeroPoints: Int8Array | undefined;
}

/**
 * Reads and checks all but the codes.
 *
 * @throws InputError `E_SCALE` for scales that are not finite and positive, `E_ZERO_POINT` for zero points that are no
 * codes, or not 0 in a symmetric scheme, `E_TENSOR_SHAPE` for another shape than the model's
 */
export function readGrid(source: Source, weight: FoundWeight, shape: readonly number[]): Grid {
  const { scheme, scales: scaleEntry, zeroPoints: zeroEntry } = weight;
  const [rows, columns] = shape;
  checkShape(source, weight.shape, shape);
  const groups = groupsPerRow(columns, scheme.groupSize);
  const scales = source.readFloats(scaleEntry);
  checkScales(scaleEntry, scales, groups);
  const zeroPoints = zeroEntry && readZeroPoints(source, weight, zeroEntry, rows, groups);
  if (scheme.strategy !== 'tensor') return { scales, zeroPoints };
  // One for the whole tensor is one for each row.
  return {
    scales: new Float32Array(rows).fill(scales[0]),
    zeroPoints: zeroPoints && new Int8Array(rows).fill(zeroPoints[0]),
  };
}

/** Signed codes `[N, K]`. @throws InputError `E_CODE_RANGE`; ResourceError `E_TENSOR_TOO_LARGE` */
export function readSignedCodes(source: Source, weight: FoundWeight, shape: readonly number[]): Int8Array {
  const { codes: entry, layout, scheme } = weight;
  const [rows, columns] = shape;
  checkFits(entry, rows * columns);
  const bytes = source.readBytes(entry);
  if (scheme.isPacked) return signedCodes(unpackRows(bytes, rows, columns, scheme.bits, layout), scheme.bits);
  const codes = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = 2 ** (scheme.bits - 1);
  const at = scheme.bits === 8 ? -1 : codes.findIndex((code) => code < -end || code >= end);
  if (at === -1) return codes;
  throw tensorRefusal(
    entry,
    'E_CODE_RANGE',
    `holds ${codes[at]} at ${position(at, columns)}, expected ${-end} to ${end - 1}`,
  );
}

/**
 * The group of each column; undefined if columns are in their places, as where none was assigned.
 *
 * @throws InputError `E_COLUMN_GROUP` unless every group has as many columns as the scheme says
 */
export function readColumnGroups(source: Source, { columnGroups: entry, scheme }: FoundWeight): Int32Array | undefined {
  if (!entry) return undefined;
  const bytes = source.readBytes(entry);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups = Int32Array.from({ length: bytes.byteLength / 4 }, (_, k) => view.getInt32(k * 4, true));
  // What compressed-tensors sets before GPTQ assigns columns.
  if (groups.every((group) => group === -1)) return undefined;
  const counts = new Uint32Array(groups.length / scheme.groupSize);
  const at = groups.findIndex((group) => group < 0 || group >= counts.length || ++counts[group] > scheme.groupSize);
  if (at === -1) return groups;
  throw tensorRefusal(
    entry,
    'E_COLUMN_GROUP',
    `holds ${groups[at]} at [${at}], expected ${counts.length} groups of ${scheme.groupSize} columns each`,
  );
}

function checkShape(source: Source, entry: TensorEntry | undefined, shape: readonly number[]): void {
  if (!entry) return;
  const bytes = source.readBytes(entry);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = [view.getBigInt64(0, true), view.getBigInt64(8, true)];
  if (found.every((length, axis) => length === BigInt(shape[axis]))) return;
  throw tensorRefusal(entry, 'E_TENSOR_SHAPE', `holds [${found.join(', ')}], expected [${shape.join(', ')}]`);
}

function checkScales(entry: TensorEntry, scales: Float32Array, columns: number): void {
  const at = scales.findIndex((scale) => !(scale > 0 && scale < Infinity));
  if (at === -1) return;
  throw tensorRefusal(
    entry,
    'E_SCALE',
    `holds ${scales[at]} at ${position(at, columns)}, expected a finite positive scale`,
  );
}

function readZeroPoints(
  source: Source,
  { scheme, layout }: FoundWeight,
  entry: TensorEntry,
  rows: number,
  groups: number,
): Int8Array | undefined {
  const bytes = source.readBytes(entry);
  const zeroPoints =
    entry.dtype === 'I32'
      ? unpackColumns(bytes, rows, groups, scheme.bits, layout)
      : new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = scheme.isSymmetric ? 0 : 2 ** (scheme.bits - 1);
  const at = zeroPoints.findIndex((zero) => zero < -end || (zero >= end && zero !== 0));
  if (at === -1) return scheme.isSymmetric ? undefined : zeroPoints;
  const expected = scheme.isSymmetric ? '0 in a symmetric scheme' : `${-end} to ${end - 1}`;
  throw tensorRefusal(
    entry,
    'E_ZERO_POINT',
    `holds ${zeroPoints[at]} at ${position(at, groups)}, expected ${expected}`,
  );
}

const position = (index: number, columns: number): string => `[${Math.floor(index / columns)}, ${index % columns}]`;
