import { InputError } from '../errors.ts';
import { dtypeBits, type Dtype } from './dtypes.ts';
import { quoted } from './quoted.ts';

/** A tensor as a file describes it, without its place in the file. */
export interface TensorSpec {
  name: string;
  dtype: Dtype;
  /** Rank 0 is one element; a dimension of 0 is legal and holds none. */
  shape: readonly number[];
}

/**
 * Bytes of a tensor. The product is taken in BigInt, and over the dimensions that are not zero, so that a shape is
 * refused or not whatever the order of its dimensions.
 *
 * @throws InputError `E_SIZE_OVERFLOW` beyond 2^53 - 1 bytes, `E_SUB_BYTE_TAIL` if 4- or 6-bit elements end inside a byte
 */
export function tensorBytes({ name, dtype, shape }: TensorSpec, file: string): number {
  const details = { file, tensor: name, dtype, shape: shape.join('x') };
  let product = BigInt(dtypeBits(dtype));
  for (const dimension of shape) product *= BigInt(dimension === 0 ? 1 : dimension);
  if (product / 8n > Number.MAX_SAFE_INTEGER) {
    throw new InputError(
      `${file}: tensor ${quoted(name)} of shape [${shape.join(', ')}] would take ${product / 8n} bytes, more than 2^53 - 1`,
      { code: 'E_SIZE_OVERFLOW', details },
    );
  }
  if (shape.includes(0)) return 0;
  if (product % 8n !== 0n) {
    throw new InputError(
      `${file}: tensor ${quoted(name)} (${dtype}) of shape [${shape.join(', ')}] takes ${product} bits, which do not fill whole bytes`,
      { code: 'E_SUB_BYTE_TAIL', details },
    );
  }
  return Number(product / 8n);
}

/** Elements of a shape whose tensor `tensorBytes` has accepted. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}
