import type { Tensor } from '../backend.ts';
import { shapeOf } from '../check.ts';
import { checkTensorValues, ownTensors, type OwnTensors } from '../own-tensors.ts';

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
  const size = checkTensorValues(operation, rows, columns, values);
  return new ReferenceTensor(rows, columns, values?.slice() ?? new Float32Array(size));
}

/** A copy of the values. */
export function download(handle: Tensor, into?: Float32Array): Float32Array {
  const { rows, columns, values } = tensorOf('download', 'tensor', handle);
  checkTensorValues('download', rows, columns, into);
  if (!into) return values.slice();
  into.set(values);
  return into;
}

/** The same memory under another shape. */
export function viewOf(handle: Tensor, rows: number, columns: number): ReferenceTensor {
  return new ReferenceTensor(rows, columns, own.tensorToView(handle, rows, columns).values);
}

const own: OwnTensors<ReferenceTensor> = ownTensors(ReferenceTensor);
export const tensorOf: OwnTensors<ReferenceTensor>['tensorOf'] = own.tensorOf;
export const tensorOfShape: OwnTensors<ReferenceTensor>['tensorOfShape'] = own.tensorOfShape;
