import type { Tensor } from '../backend.ts';
import { check, checkSize, shapeOf } from './check.ts';

/** Row-major f32 in ordinary memory. */
export class ReferenceTensor implements Tensor {
  readonly rows: number;
  readonly columns: number;
  #values: Float32Array | undefined;

  constructor(rows: number, columns: number, values: Float32Array) {
    this.rows = rows;
    this.columns = columns;
    this.#values = values;
  }

  get values(): Float32Array {
    if (!this.#values) throw new RangeError(`tensor ${shapeOf(this.rows, this.columns)} was released`);
    return this.#values;
  }

  release(): void {
    this.#values = undefined;
  }
}

export function createTensor(operation: string, rows: number, columns: number, values?: Float32Array): ReferenceTensor {
  checkSize(operation, 'rows', rows);
  checkSize(operation, 'columns', columns);
  const size = rows * columns;
  check(
    values === undefined || values.length === size,
    operation,
    `${shapeOf(rows, columns)} needs ${size} values, got ${values?.length ?? 0}`,
  );
  return new ReferenceTensor(rows, columns, values?.slice() ?? new Float32Array(size));
}

/** The same memory under another shape. */
export function viewOf(handle: Tensor, rows: number, columns: number): ReferenceTensor {
  const tensor = tensorOf('view', 'tensor', handle);
  checkSize('view', 'rows', rows);
  checkSize('view', 'columns', columns);
  check(
    rows * columns === tensor.rows * tensor.columns,
    'view',
    `${shapeOf(tensor.rows, tensor.columns)} cannot be seen as ${shapeOf(rows, columns)}`,
  );
  return new ReferenceTensor(rows, columns, tensor.values);
}

/** The tensor behind a handle. */
export function tensorOf(operation: string, name: string, handle: Tensor): ReferenceTensor {
  check(handle instanceof ReferenceTensor, operation, `${name} is not a tensor of this backend`);
  return handle;
}

/** The tensor behind a handle, which must have this shape. */
export function tensorOfShape(
  operation: string,
  name: string,
  handle: Tensor,
  rows: number,
  columns: number,
): ReferenceTensor {
  const tensor = tensorOf(operation, name, handle);
  check(
    tensor.rows === rows && tensor.columns === columns,
    operation,
    `${name} must be ${shapeOf(rows, columns)}, not ${shapeOf(tensor.rows, tensor.columns)}`,
  );
  return tensor;
}
