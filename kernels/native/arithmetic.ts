import type { Tensor } from '../backend.ts';
import { check } from '../check.ts';
import { checkMatmulInt8 } from '../reference/matmul-int8.ts';
import type { QuantizedTokens } from '../reference/quantize-per-token.ts';
import type { NativeDevice } from './device.ts';
import { download, tensorOf } from './tensor.ts';
import { floatFormats } from './weight-params.ts';

/** The arithmetic of docs/numerics.md by itself. */

export function quantizePerToken(device: NativeDevice, tensor: Tensor): QuantizedTokens {
  const { rows, columns } = tensorOf('quantizePerToken', 'x', tensor);
  const x = download(device, 'quantizePerToken', tensor);
  const codes = new Int8Array(x.length);
  const scales = new Float32Array(rows);
  device.run('quantize_per_token', { x, codes, scales, rows, columns });
  return { codes, scales };
}

export function matmulInt8(
  device: NativeDevice,
  a: Int8Array,
  b: Int8Array,
  [m, n, k]: readonly [m: number, n: number, k: number],
): Int32Array {
  checkMatmulInt8(a, b, m, n, k);
  const out = new Int32Array(m * n);
  device.run('matmul_int8', { a, b, out, m, n, k, ...device.matmulInt8Scratch(m, n, k) });
  return out;
}

/** Float weights `[rows, columns]` and how to quantize them by min-max. */
export interface RowsToQuantize {
  dtype: 'F32' | 'F16' | 'BF16';
  data: Float32Array | Uint16Array;
  rows: number;
  columns: number;
  bits: 8 | 4;
  /** 0: one scale a row. The last group of a row may be shorter. */
  groupSize: number;
}

/**
 * Codes `[rows, columns]` and scales `[rows, groups]` of docs/numerics.md section 2, bit for bit those of the reference.
 *
 * @throws NativeError `non-finite value` at a NaN or infinity; codes and scales are then partly written
 */
export async function quantizeRows(
  device: NativeDevice,
  source: RowsToQuantize,
  codes: Int8Array,
  scales: Float32Array,
): Promise<void> {
  const { dtype, data, rows, columns, bits, groupSize } = source;
  const ElementArray = dtype === 'F32' ? Float32Array : Uint16Array;
  check(data instanceof ElementArray, 'quantizeRows', `${dtype} does not come in a ${data.constructor.name}`);
  const params = {
    source: data,
    codes,
    scales,
    dtype: floatFormats[dtype],
    bits,
    rows,
    columns,
    group_size: groupSize,
  };
  await device.runLong('quantize_rows', params, rows * columns);
}

/** 10^9 operations or bytes a second that the machine gives at most, on the instruction set and threads of the backend. */
export interface MachinePeak {
  int8Gops: number;
  f32Gops: number;
  /** 0 if the instruction set has nothing for bf16. */
  bf16Gops: number;
  readGBs: number;
}

/** Measures for some four times `seconds`. */
export function measurePeak(device: NativeDevice, seconds: number): MachinePeak {
  const found = device.ask('peak', { seconds, int8_gops: 0, f32_gops: 0, bf16_gops: 0, read_gbs: 0 });
  return {
    int8Gops: found['int8_gops'],
    f32Gops: found['f32_gops'],
    bf16Gops: found['bf16_gops'],
    readGBs: found['read_gbs'],
  };
}
