import { widenBf16, widenF16, widenInto } from '../../kernels/reference/float-formats.ts';
import { NonFiniteWeightError, type FloatRows } from './scheme.ts';

/** Bits of the f32 infinity; those of every finite magnitude are less, those of a NaN more. */
export const INFINITY_BITS = 0x7f800000;

/**
 * Elements of one call. The hot loops count in 32-bit integers; the weights of a whole 70B model's embedding fit, and
 * callers that bound their memory pass pieces anyway.
 */
export const MAX_ELEMENTS: number = 2 ** 30;

/** @throws RangeError if shape, dtype and data contradict each other */
export function checkFloatRows(operation: string, source: FloatRows): void {
  const { dtype, data, rows, columns } = source;
  if (data instanceof Float32Array !== (dtype === 'F32')) {
    throw new RangeError(`${operation}: ${dtype} does not come in a ${data.constructor.name}`);
  }
  checkLength(operation, 'data', data, rows * columns);
  if (data.length > MAX_ELEMENTS) {
    throw new RangeError(`${operation}: ${data.length} elements are more than the ${MAX_ELEMENTS} of one call`);
  }
}

/** @throws RangeError if an array is not as long as the shape asks for */
export function checkLength(operation: string, name: string, array: ArrayLike<number>, length: number): void {
  if (array.length !== length) {
    throw new RangeError(`${operation}: ${name} holds ${array.length} elements, not ${length}`);
  }
}

/** The element at `row · columns + column`, widened. */
export function valueAt({ dtype, data }: FloatRows, index: number): number {
  switch (dtype) {
    case 'F32':
      return data[index];
    case 'F16':
      return widenF16(data[index]);
    case 'BF16':
      return widenBf16(data[index]);
  }
}

/** The error for the first NaN or infinity at or after element `from`, where there is one. */
export function nonFiniteWeightFrom(source: FloatRows, from: number): NonFiniteWeightError {
  let index = from;
  while (Number.isFinite(valueAt(source, index))) index++;
  const row = Math.floor(index / source.columns);
  return new NonFiniteWeightError(row, index - row * source.columns, valueAt(source, index));
}

/** One row at a time in f32, always in the same memory, so that loops over it meet one kind of array. */
export class WideRow {
  /** f32 values of the row that was read last, `[columns]`. */
  readonly values: Float32Array;
  /** The same as bit patterns; magnitudes compare as integers once the sign bit is cleared. */
  readonly bits: Int32Array;
  readonly #source: FloatRows;

  constructor(source: FloatRows) {
    this.#source = source;
    this.values = new Float32Array(source.columns);
    this.bits = new Int32Array(this.values.buffer);
  }

  read(row: number): void {
    const { dtype, data, columns } = this.#source;
    const rowBytes = columns * data.BYTES_PER_ELEMENT;
    widenInto(dtype, new Uint8Array(data.buffer, data.byteOffset + row * rowBytes, rowBytes), this.values);
  }

  /** f32 bits of the largest magnitude in `from … to`: at least `INFINITY_BITS` if one is not finite. */
  largestMagnitudeBits(from: number, to: number): number {
    const { bits } = this;
    let even = 0;
    let odd = 0;
    let k = from;
    for (; k + 1 < to; k += 2) {
      even = larger(even, bits[k] & 0x7fffffff);
      odd = larger(odd, bits[k + 1] & 0x7fffffff);
    }
    return larger(larger(even, odd), k < to ? bits[k] & 0x7fffffff : 0);
  }
}

/** Of two non-negative 32-bit integers, without a branch: in short groups the maximum changes too often to predict. */
function larger(a: number, b: number): number {
  const difference = a - b;
  return a - (difference & (difference >> 31));
}
