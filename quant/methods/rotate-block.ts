import { matrix } from '../../kernels/linear-algebra.ts';
import { scaleColumns, type OrthogonalMatrix } from './orthogonal-matrix.ts';

/** A float matrix in memory, row-major. */
export interface FloatMatrix {
  values: Float32Array;
  rows: number;
  columns: number;
}

/** A block of a matrix by its first row and column and its size. */
export interface Block {
  row: number;
  column: number;
  rows: number;
  columns: number;
}

export interface BlockRotation {
  /** What columns of the matrix are multiplied by first. */
  gain?: Float32Array | undefined;
  left?: OrthogonalMatrix | undefined;
  right?: OrthogonalMatrix | undefined;
}

/** Elements that are held as f64 at a time. */
const CHUNK_ELEMENTS = 2 ** 20;

/** A block B becomes leftᵀ · (B · diag(gain)) · right in f64, rounded once; what is not given is left out. */
export async function rotateBlock(
  { values, columns: stride }: FloatMatrix,
  { row, column, rows, columns }: Block,
  { gain, left, right }: BlockRotation,
): Promise<void> {
  const block = matrix(new Float64Array(rows * columns), rows, columns);
  for (let i = 0; i < rows; i++) {
    const start = (row + i) * stride + column;
    block.data.set(values.subarray(start, start + columns), i * columns);
  }
  if (gain) scaleColumns(block, gain.subarray(column, column + columns));
  await right?.apply(block);
  // Rows of the transposed matrix are columns, and (Bᵀ · left)ᵀ = leftᵀ · B.
  const turned = left ? transposed(block.data, rows, columns) : block.data;
  await left?.apply(matrix(turned, columns, rows));
  const result = left ? transposed(turned, columns, rows) : turned;
  for (let i = 0; i < rows; i++) {
    values.set(result.subarray(i * columns, (i + 1) * columns), (row + i) * stride + column);
  }
}

/** The same for a whole matrix, in bands of its rows or, with `left`, of its columns, that take little memory. */
export async function rotateMatrix(
  target: FloatMatrix,
  rotation: { gain?: Float32Array; right: OrthogonalMatrix } | { left: OrthogonalMatrix },
): Promise<void> {
  const { rows, columns } = target;
  const [length, across] = 'left' in rotation ? [columns, rows] : [rows, columns];
  const band = Math.max(1, Math.floor(CHUNK_ELEMENTS / across));
  for (let first = 0; first < length; first += band) {
    const size = Math.min(band, length - first);
    const block =
      'left' in rotation
        ? { row: 0, column: first, rows, columns: size }
        : { row: first, column: 0, rows: size, columns };
    await rotateBlock(target, block, rotation);
  }
}

function transposed(values: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(values.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[j * rows + i] = values[i * columns + j];
  }
  return result;
}
