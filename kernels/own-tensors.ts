import type { Tensor } from './backend.ts';
import { check, checkSize, shapeOf } from './check.ts';

/** What the operations of a backend ask of the tensors that they are given. */
export interface OwnTensors<Own extends Tensor> {
  /** The tensor behind a handle. @throws RangeError if it is of another backend */
  tensorOf: (operation: string, name: string, handle: Tensor) => Own;
  /** The tensor behind a handle, which must have this shape. */
  tensorOfShape: (operation: string, name: string, handle: Tensor, rows: number, columns: number) => Own;
  /** The tensor behind a handle that is to be seen as `[rows, columns]`. */
  tensorToView: (handle: Tensor, rows: number, columns: number) => Own;
}

/** For a backend whose tensors are of this class. */
export function ownTensors<Own extends Tensor>(type: abstract new (...args: never) => Own): OwnTensors<Own> {
  const tensorOf: OwnTensors<Own>['tensorOf'] = (operation, name, handle) => {
    check(handle instanceof type, operation, `${name} is not a tensor of this backend`);
    return handle;
  };
  return {
    tensorOf,
    tensorOfShape: (operation, name, handle, rows, columns) => {
      const tensor = tensorOf(operation, name, handle);
      if (tensor.rows === rows && tensor.columns === columns) return tensor;
      const found = shapeOf(tensor.rows, tensor.columns);
      throw new RangeError(`${operation}: ${name} must be ${shapeOf(rows, columns)}, not ${found}`);
    },
    tensorToView: (handle, rows, columns) => {
      const tensor = tensorOf('view', 'tensor', handle);
      checkSize('view', 'rows', rows);
      checkSize('view', 'columns', columns);
      check(
        rows * columns === tensor.rows * tensor.columns,
        'view',
        `${shapeOf(tensor.rows, tensor.columns)} cannot be seen as ${shapeOf(rows, columns)}`,
      );
      return tensor;
    },
  };
}

/** The elements of a tensor, and of the array of its values, if there is one. @throws RangeError if the sizes make no sense */
export function checkTensorValues(operation: string, rows: number, columns: number, values?: Float32Array): number {
  checkSize(operation, 'rows', rows);
  checkSize(operation, 'columns', columns);
  const size = rows * columns;
  check(
    values === undefined || values.length === size,
    operation,
    `${shapeOf(rows, columns)} needs ${size} values, got ${values?.length ?? 0}`,
  );
  return size;
}
