import { describe, expect, it } from 'vitest';
import { checkLengths } from './operation.ts';
import { operations, type OperationName, type OperationParams } from './operations.ts';
import { bytesOf, weightFields } from './weight-params.ts';

/** Whether an operation takes arrays of these lengths. */
const check =
  <Name extends OperationName>(name: Name, params: Partial<OperationParams[Name]>) =>
  () => {
    checkLengths(name, operations[name] as never, params);
  };

describe('lengths of arrays', () => {
  it.each([
    ['token_ids', check('embedding', { token_ids: new Int32Array(3), count: 4 })],
    ['inverse_frequencies', check('rope', { inverse_frequencies: new Float32Array(7), head_dim: 16 })],
    ['scratch', check('linear', { scratch: new Uint8Array(63), scratch_bytes: 64 })],
    ['targets', check('cross_entropy', crossEntropy({ targets: new Int32Array(2) }))],
    ['losses', check('cross_entropy', crossEntropy({ losses: new Float64Array(2) }))],
    ['scratch', check('cross_entropy', crossEntropy({ scratch_bytes: 9 }))],
    ['divergences', check('divergence', divergence({ divergences: new Float64Array(1) }))],
    ['same_top', check('divergence', divergence({ same_top: new Uint8Array(1) }))],
    ['scratch', check('divergence', divergence({ scratch_bytes: 9 }))],
    ['token_ids', check('argmax', { token_ids: new Int32Array(1), rows: 2 })],
    ['x', check('quantize_per_token', perToken({ x: new Float32Array(5) }))],
    ['codes', check('quantize_per_token', perToken({ codes: new Int8Array(5) }))],
    ['scales', check('quantize_per_token', perToken({ scales: new Float32Array(1) }))],
    ['a', check('matmul_int8', product({ a: new Int8Array(9) }))],
    ['b', check('matmul_int8', product({ b: new Int8Array(14) }))],
    ['out', check('matmul_int8', product({ out: new Int32Array(5) }))],
    ['scratch', check('matmul_int8', product({ scratch_bytes: 9 }))],
    ['source', check('quantize_rows', rows({ source: new Uint16Array(13) }))],
    ['source', check('quantize_rows', rows({ source: new Uint16Array(14), dtype: 0 }))],
    ['codes', check('quantize_rows', rows({ codes: new Int8Array(13) }))],
    ['scales', check('quantize_rows', rows({ scales: new Float32Array(7) }))],
    ['scales', check('quantize_rows', rows({ scales: new Float32Array(1), group_size: 0 }))],
  ])('%s', (member, run) => {
    expect(run).toThrow(RangeError);
    expect(run).toThrow(`: ${member} holds`);
  });

  it('may be larger than needed', () => {
    expect(check('matmul_int8', product({ a: new Int8Array(99) }))).not.toThrow();
    expect(check('quantize_rows', rows({}))).not.toThrow();
    expect(check('quantize_rows', rows({ source: new Uint16Array(28), dtype: 0 }))).not.toThrow();
  });
});

function crossEntropy(change: Partial<OperationParams['cross_entropy']>): Partial<OperationParams['cross_entropy']> {
  const scratch = { scratch: new Uint8Array(8), scratch_bytes: 8 };
  return { targets: new Int32Array(3), losses: new Float64Array(3), rows: 3, ...scratch, ...change };
}

/** The last two of three rows. */
function divergence(change: Partial<OperationParams['divergence']>): Partial<OperationParams['divergence']> {
  const arrays = { divergences: new Float64Array(2), same_top: new Uint8Array(2), scratch: new Uint8Array(8) };
  return { ...arrays, rows: 3, first_row: 1, scratch_bytes: 8, ...change };
}

/** `[2, 3]` */
function perToken(change: object): Partial<OperationParams['quantize_per_token']> {
  const arrays = { x: new Float32Array(6), codes: new Int8Array(6), scales: new Float32Array(2) };
  return { ...arrays, rows: 2, columns: 3, ...change };
}

/** `[2, 5]` times `[3, 5]` */
function product(change: object): Partial<OperationParams['matmul_int8']> {
  const arrays = { a: new Int8Array(10), b: new Int8Array(15), out: new Int32Array(6), scratch: new Uint8Array(8) };
  return { ...arrays, m: 2, n: 3, k: 5, scratch_bytes: 8, ...change };
}

/** BF16 `[2, 7]` in groups of 2, the last of each row shorter. */
function rows(change: object): Partial<OperationParams['quantize_rows']> {
  const arrays = { source: new Uint16Array(14), codes: new Int8Array(14), scales: new Float32Array(8) };
  return { ...arrays, dtype: 2, rows: 2, columns: 7, group_size: 2, ...change };
}

describe('bytes of a weight', () => {
  const { data } = weightFields;

  it('lie inside their array', () => {
    const range = bytesOf(Int8Array.of(1, 2, 3));
    expect(data.encode('data', { ...range, offset: 1, bytes: 2 })).toMatchObject({ offset: 1, bytes: 2 });
    expect(() => data.encode('data', { ...range, offset: 1 })).toThrow('data: 3 bytes from 1 pass the end at 3');
    expect(() => data.encode('data', { ...range, bytes: -1 })).toThrow(RangeError);
    expect(() => data.encode('data', { ...range, offset: -1 })).toThrow(RangeError);
    expect(() => data.encode('data', { ...range, memory: null })).toThrow('data: 3 bytes from 0 pass the end at 0');
    expect(() => data.encode('data', { ...range, memory: [1, 2, 3] as never })).toThrow(RangeError);
  });
});
