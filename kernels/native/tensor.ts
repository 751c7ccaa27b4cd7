import type { Tensor } from '../backend.ts';
import { shapeOf } from '../check.ts';
import { checkTensorValues, ownTensors, type OwnTensors } from '../own-tensors.ts';
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
  const size = checkTensorValues(operation, rows, columns, values);
  const tensor = new NativeTensor(rows, columns, { buffer: device.createBuffer(size), holders: 0 });
  if (values) device.write(tensor.buffer, values);
  return tensor;
}

/** A copy of the values. */
export function download(device: NativeDevice, operation: string, handle: Tensor, into?: Float32Array): Float32Array {
  const { buffer, rows, columns } = tensorOf(operation, 'tensor', handle);
  const size = checkTensorValues(operation, rows, columns, into);
  const values = into ?? new Float32Array(size);
  device.read(buffer, values);
  return values;
}

/** The same memory under another shape. */
export function viewOf(handle: Tensor, rows: number, columns: number): NativeTensor {
  return own.tensorToView(handle, rows, columns).view(rows, columns);
}

const own: OwnTensors<NativeTensor> = ownTensors(NativeTensor);
export const tensorOf: OwnTensors<NativeTensor>['tensorOf'] = own.tensorOf;
export const tensorOfShape: OwnTensors<NativeTensor>['tensorOfShape'] = own.tensorOfShape;
