import type { Tensor } from '../backend.ts';
import { check, checkSize, shapeOf } from '../reference/check.ts';
import type { NativeDevice } from './device.ts';
import type { NativeHandle } from './handle.ts';

/** A buffer that a tensor and its views share; it goes back to the library with the last of them. */
interface SharedBuffer {
  buffer: NativeHandle<'buffer'>;
  holders: number;
}

/** Row-major f32 in memory of the library. */
export class NativeTensor implements Tensor {
  readonly rows: number;
  readonly columns: number;
  #shared: SharedBuffer | undefined;

  constructor(rows: number, columns: number, shared: SharedBuffer) {
    this.rows = rows;
    this.columns = columns;
    this.#shared = shared;
    shared.holders++;
  }

  get buffer(): NativeHandle<'buffer'> {
    return this.#held.buffer;
  }

  view(rows: number, columns: number): NativeTensor {
    return new NativeTensor(rows, columns, this.#held);
  }

  release(device: NativeDevice): void {
    const shared = this.#shared;
    if (shared?.holders === 1) device.release(shared.buffer);
    if (shared) shared.holders--;
    this.#shared = undefined;
  }

  get #held(): SharedBuffer {
    if (!this.#shared) throw new RangeError(`tensor ${shapeOf(this.rows, this.columns)} was released`);
    return this.#shared;
  }
}

export function createTensor(
  device: NativeDevice,
  operation: string,
  rows: number,
  columns: number,
  values?: Float32Array,
): NativeTensor {
  checkSize(operation, 'rows', rows);
  checkSize(operation, 'columns', columns);
  const size = rows * columns;
  check(
    values === undefined || values.length === size,
    operation,
    `${shapeOf(rows, columns)} needs ${size} values, got ${values?.length ?? 0}`,
  );
  const tensor = new NativeTensor(rows, columns, { buffer: device.createBuffer(size), holders: 0 });
  if (values) device.write(tensor.buffer, values);
  return tensor;
}

/** A copy of the values. */
export function download(device: NativeDevice, operation: string, handle: Tensor): Float32Array {
  const { buffer, rows, columns } = tensorOf(operation, 'tensor', handle);
  const values = new Float32Array(rows * columns);
  device.read(buffer, values);
  return values;
}

/** The same memory under another shape. */
export function viewOf(handle: Tensor, rows: number, columns: number): NativeTensor {
  const tensor = tensorOf('view', 'tensor', handle);
  checkSize('view', 'rows', rows);
  checkSize('view', 'columns', columns);
  check(
    rows * columns === tensor.rows * tensor.columns,
    'view',
    `${shapeOf(tensor.rows, tensor.columns)} cannot be seen as ${shapeOf(rows, columns)}`,
  );
  return tensor.view(rows, columns);
}

/** The tensor behind a handle. */
export function tensorOf(operation: string, name: string, handle: Tensor): NativeTensor {
  check(handle instanceof NativeTensor, operation, `${name} is not a tensor of this backend`);
  return handle;
}

/** The tensor behind a handle, which must have this shape. */
export function tensorOfShape(
  operation: string,
  name: string,
  handle: Tensor,
  rows: number,
  columns: number,
): NativeTensor {
  const tensor = tensorOf(operation, name, handle);
  check(
    tensor.rows === rows && tensor.columns === columns,
    operation,
    `${name} must be ${shapeOf(rows, columns)}, not ${shapeOf(tensor.rows, tensor.columns)}`,
  );
  return tensor;
}
