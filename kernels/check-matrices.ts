import { check, checkSize, shapeOf } from './check.ts';
import type { HadamardBase, Matrix } from './linear-algebra.ts';

/** @throws RangeError if the block is not within its array, or rows overlap */
export function checkMatrix(operation: string, name: string, { data, offset, stride, rows, columns }: Matrix): void {
  checkSize(operation, `rows of ${name}`, rows);
  checkSize(operation, `columns of ${name}`, columns);
  checkSize(operation, `stride of ${name}`, stride);
  check(Number.isSafeInteger(offset) && offset >= 0, operation, `offset ${offset} of ${name}`);
  check(stride >= columns, operation, `${name} has ${columns} columns, but a stride of ${stride}`);
  const end = offset + (rows - 1) * stride + columns;
  check(
    data instanceof Float64Array && end <= data.length,
    operation,
    `${name} ${shapeOf(rows, columns)} ends at ${end}, behind the ${data.length} numbers of its array`,
  );
}

/** @throws RangeError if sizes do not fit, c shares memory with a or b, or the factor is not finite */
export function checkMultiplyAdd(c: Matrix, factor: number, a: Matrix, b: Matrix, transposeB: boolean): void {
  const operation = 'multiplyAdd';
  check(Number.isFinite(factor), operation, `factor ${factor}`);
  for (const [name, block] of Object.entries({ c, a, b })) checkMatrix(operation, name, block);
  const [k, n] = transposeB ? [b.columns, b.rows] : [b.rows, b.columns];
  const shapes = [c, a, b].map(({ rows, columns }) => shapeOf(rows, columns));
  check(
    c.rows === a.rows && c.columns === n && a.columns === k,
    operation,
    `c ${shapes[0]} is no sum with the product of a ${shapes[1]} and b ${shapes[2]}${transposeB ? ' transposed' : ''}`,
  );
  for (const [name, block] of Object.entries({ a, b })) {
    check(!overlap(c, block), operation, `c and ${name} share memory`);
  }
}

/** Whether two blocks may have an element in common: of different strides, whether their extents do. */
function overlap(a: Matrix, b: Matrix): boolean {
  if (a.data.buffer !== b.data.buffer) return false;
  const [aStart, bStart] = [a, b].map(({ data, offset }) => data.byteOffset / data.BYTES_PER_ELEMENT + offset);
  const extents = [a, b].map(({ rows, stride, columns }) => (rows - 1) * stride + columns);
  if (aStart >= bStart + extents[1] || bStart >= aStart + extents[0]) return false;
  if (a.stride !== b.stride) return true;
  // b's rows begin in `column` of the grid whose first row and column are a's, and may go on in its next row.
  const row = Math.floor((bStart - aStart) / a.stride);
  const column = bStart - aStart - row * a.stride;
  const meets = (first: number, from: number, to: number) =>
    from < a.columns && to > 0 && first < a.rows && first + b.rows > 0;
  return meets(row, column, column + b.columns) || meets(row + 1, column - a.stride, column + b.columns - a.stride);
}

/** @throws RangeError */
export function checkInverseFactor(h: Matrix): void {
  checkMatrix('inverseFactor', 'h', h);
  check(h.rows === h.columns, 'inverseFactor', `h ${shapeOf(h.rows, h.columns)} is not square`);
}

/** @throws RangeError */
export function checkHadamard(x: Matrix, { order, signs }: HadamardBase): void {
  const operation = 'hadamard';
  checkMatrix(operation, 'x', x);
  checkSize(operation, 'order', order);
  check(
    signs instanceof Int8Array && signs.length === order * order,
    operation,
    `a base of order ${order} has ${order * order} signs, not ${signs.length}`,
  );
  check(
    signs.every((sign) => sign === 1 || sign === -1),
    operation,
    'a sign is neither 1 nor -1',
  );
  check(isPowerOfTwo(x.columns / order), operation, `${x.columns} columns are not ${order} times a power of two`);
}

const isPowerOfTwo = (value: number): boolean => value >= 1 && 2 ** Math.round(Math.log2(value)) === value;

/** @throws RangeError */
export function checkAccumulate(sum: Matrix, y: Float32Array, x: Float32Array, count: number): void {
  const operation = 'accumulate';
  checkMatrix(operation, 'sum', sum);
  checkSize(operation, 'count', count);
  for (const [name, array, columns] of [['y', y, sum.rows] as const, ['x', x, sum.columns] as const]) {
    check(
      array instanceof Float32Array && array.length === count * columns,
      operation,
      `${name} ${shapeOf(count, columns)} needs ${count * columns} values, got ${array.length}`,
    );
  }
}
