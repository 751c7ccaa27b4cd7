import { widenInto } from '../../../kernels/reference/float-formats.ts';
import { checkFits } from '../check-fits.ts';
import { quoted } from '../quoted.ts';
import type { ReadCodes } from '../stored-model.ts';
import { elementCount } from '../tensor-size.ts';
import { isWeightDtype } from '../weight-dtype.ts';
import { blockFormatOf, type BlockFormat, type BlockParts } from './block-formats.ts';
import { failGguf } from './failure.ts';
import type { GgufFile } from './gguf-file.ts';
import type { RowOrder } from './row-order.ts';
import type { GgufTensor } from './tensor-infos.ts';

/** Bytes of the file in memory at a time, rounded to whole rows. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * All values in f32, row-major, in the order of rows of the float layout.
 *
 * @throws InputError `E_GGUF_SCALE` for a scale that is no number, `E_FILE_CHANGED`; ResourceError `E_TENSOR_TOO_LARGE`
 */
export function readFloats(file: GgufFile, tensor: GgufTensor, order?: RowOrder): Float32Array {
  const { typeName } = tensor;
  const columns = rowLength(tensor);
  const values = new Float32Array(fittingElements(file, tensor, Float32Array.BYTES_PER_ELEMENT));
  const rowAt = (row: number): Float32Array => values.subarray(row * columns, (row + 1) * columns);
  if (isWeightDtype(typeName)) {
    forEachRow(file, tensor, (bytes, row) => {
      widenInto(typeName, bytes, rowAt(order ? order(row) : row));
    });
    return values;
  }
  const format = knownFormat(file, tensor);
  const parts = emptyParts(format, columns, columns / format.groupSize);
  forEachRow(file, tensor, (bytes, row) => {
    format.unpack(bytes, parts);
    checkScales(file, tensor, parts, row);
    multiplyOut(parts, format.groupSize, rowAt(order ? order(row) : row));
  });
  return values;
}

/** Codes and scales in the order of rows of the float layout; fails as `readFloats`. */
export function readCodes(file: GgufFile, tensor: GgufTensor, order?: RowOrder): ReadCodes {
  const format = knownFormat(file, tensor);
  const columns = rowLength(tensor);
  const elements = fittingElements(file, tensor, 1);
  const groups = columns / format.groupSize;
  const all = emptyParts(format, elements, elements / format.groupSize);
  forEachRow(file, tensor, (bytes, fileRow) => {
    const row = order ? order(fileRow) : fileRow;
    const parts = {
      codes: all.codes.subarray(row * columns, (row + 1) * columns),
      scales: all.scales.subarray(row * groups, (row + 1) * groups),
      biases: all.biases.subarray(row * groups, (row + 1) * groups),
    };
    format.unpack(bytes, parts);
    checkScales(file, tensor, parts, fileRow);
  });
  const { codes, scales, biases } = all;
  return codes instanceof Int8Array ? { kind: 'symmetric', codes, scales } : { kind: 'affine', codes, scales, biases };
}

/** Memory for the parts of `elements` elements. */
function emptyParts({ kind }: BlockFormat, elements: number, groups: number): BlockParts {
  const scales = new Float32Array(groups);
  return kind === 'symmetric'
    ? { codes: new Int8Array(elements), scales, biases: new Float32Array(0) }
    : { codes: new Uint8Array(elements), scales, biases: new Float32Array(groups) };
}

/** Values of codes: one product, and for affine formats one sum, each rounded to f32. */
export function multiplyOut({ codes, scales, biases }: BlockParts, groupSize: number, target: Float32Array): void {
  for (let group = 0, k = 0; k < target.length; group++) {
    const scale = scales[group];
    const end = k + groupSize;
    if (biases.length === 0) {
      for (; k < end; k++) target[k] = scale * codes[k];
    } else {
      const bias = biases[group];
      for (; k < end; k++) target[k] = Math.fround(scale * codes[k]) + bias;
    }
  }
}

function checkScales(file: GgufFile, { name }: GgufTensor, { scales, biases }: BlockParts, row: number): void {
  const bad = [scales, biases].flatMap((values) => values.find((value) => !Number.isFinite(value)) ?? []);
  if (bad.length === 0) return;
  failGguf(
    file.name,
    'E_GGUF_SCALE',
    `tensor ${quoted(name)} has the scale ${bad[0]} in row ${row}`,
    { tensor: name, value: String(bad[0]), row },
    'the file is damaged, or the model that it was made from diverged in training',
  );
}

/** Calls `use` with the bytes of each row, in the order of the file. A tensor of one dimension has rows of one element. */
function forEachRow(file: GgufFile, tensor: GgufTensor, use: (bytes: Uint8Array, row: number) => void): void {
  const rows = elementCount(tensor.shape) / rowLength(tensor);
  if (tensor.bytes === 0) return;
  const rowBytes = tensor.bytes / rows;
  const rowsAtOnce = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
  const chunk = new Uint8Array(Math.min(rowsAtOnce, rows) * rowBytes);
  for (let first = 0; first < rows; first += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - first);
    const bytes = file.readTensor(tensor, chunk.subarray(0, count * rowBytes), first * rowBytes);
    for (let i = 0; i < count; i++) use(bytes.subarray(i * rowBytes, (i + 1) * rowBytes), first + i);
  }
}

/** Elements that lie together when rows are moved. */
const rowLength = ({ shape }: GgufTensor): number => (shape.length < 2 ? 1 : shape[shape.length - 1]);

function knownFormat(file: GgufFile, { name, typeName }: GgufTensor): BlockFormat {
  return (
    blockFormatOf(typeName) ??
    failGguf(file.name, 'E_GGUF_TENSOR_TYPE', `tensor ${quoted(name)} is ${typeName}, which is not read`, {
      tensor: name,
    })
  );
}

/** Elements of a tensor, if as many of `bytesEach` fit into memory in one piece. */
function fittingElements(file: GgufFile, { name, shape }: GgufTensor, bytesEach: number): number {
  const elements = elementCount(shape);
  checkFits({ file: file.name, name }, elements * bytesEach);
  return elements;
}
