import { array, arrayOf, f32, f64, handle, i32, u32, u64 } from './field.ts';
import type { NativeHandle } from './handle.ts';
import type { Operation } from './operation.ts';

/** Parameters of the operations, member for member as cider.h has them. */
export interface OperationParams {
  embedding: { out: Buffer; table: Weight; token_ids: Int32Array; count: number; scale: number };
  rms_norm: { out: Buffer; x: Buffer; gain: Buffer; rows: number; columns: number; epsilon: number };
  rope: {
    x: Buffer;
    inverse_frequencies: Float32Array;
    rows: number;
    columns: number;
    head_dim: number;
    first_position: number;
    attention_factor: number;
  };
  attention: {
    out: Buffer;
    q: Buffer;
    k: Buffer;
    v: Buffer;
    cache: NativeHandle<'kv_cache'>;
    rows: number;
    heads: number;
    sliding_window: number;
    scale: number;
    soft_cap: number;
  };
  silu_mul: ElementwiseParams;
  gelu_tanh_mul: ElementwiseParams;
  add: ElementwiseParams;
  soft_cap: { x: Buffer; count: number; cap: number };
  linear: { out: Buffer; x: Buffer; weight: Weight; rows: number; quantize_single_row: number } & ScratchParams;
  cross_entropy: {
    x: Buffer;
    head: Weight;
    targets: Int32Array;
    losses: Float64Array;
    rows: number;
    soft_cap: number;
  } & ScratchParams;
  divergence: {
    x: Buffer;
    head: Weight;
    base_x: Buffer;
    base_head: Weight;
    divergences: Float64Array;
    same_top: Uint8Array;
    rows: number;
    first_row: number;
    soft_cap: number;
  } & ScratchParams;
  argmax: { logits: Buffer; token_ids: Int32Array; rows: number; columns: number };
  sample: {
    logits: Buffer;
    rows: number;
    columns: number;
    temperature: number;
    top_k: number;
    top_p: number;
    random: number;
    token_id: number;
  };
  quantize_per_token: { x: Float32Array; codes: Int8Array; scales: Float32Array; rows: number; columns: number };
  matmul_int8: { a: Int8Array; b: Int8Array; out: Int32Array; m: number; n: number; k: number } & ScratchParams;
  quantize_rows: {
    source: Float32Array | Uint16Array;
    codes: Int8Array;
    scales: Float32Array;
    dtype: number;
    bits: number;
    rows: number;
    columns: number;
    group_size: number;
  };
  multiply_add: {
    c: Float64Array;
    a: Float64Array;
    b: Float64Array;
    c_stride: number;
    a_stride: number;
    b_stride: number;
    m: number;
    n: number;
    k: number;
    transpose_b: number;
    factor: number;
  };
  inverse_factor: { h: Float64Array; stride: number; n: number; pivot: number };
  hadamard: { x: Float64Array; base: Int8Array; stride: number; rows: number; columns: number; order: number };
  accumulate: {
    sum: Float64Array;
    y: Float32Array;
    x: Float32Array;
    stride: number;
    count: number;
    p: number;
    n: number;
  };
  peak: { seconds: number; int8_gops: number; f32_gops: number; bf16_gops: number; read_gbs: number };
}

type Buffer = NativeHandle<'buffer'>;
type Weight = NativeHandle<'weight'>;
interface ElementwiseParams {
  out: Buffer;
  a: Buffer;
  b: Buffer;
  count: number;
}
interface ScratchParams {
  scratch: Uint8Array;
  scratch_bytes: number;
}

export type OperationName = keyof OperationParams;

const buffer = handle('buffer');
const weight = handle('weight');
const scratch = { scratch: array<Uint8Array>(Uint8Array), scratch_bytes: u64 };
const elementwise: Operation<ElementwiseParams> = {
  fields: { out: buffer, a: buffer, b: buffer, count: u64 },
  lengths: () => [],
};

/** Elements from the first to the last of a block `[rows, columns]`. */
const extent = (rows: number, columns: number, stride: number): number => (rows - 1) * stride + columns;

/** Sizes of buffers and handles are known to the library, which checks them; those of arrays are checked here. */
export const operations: { readonly [Name in OperationName]: Operation<OperationParams[Name]> } = {
  embedding: {
    fields: { out: buffer, table: weight, token_ids: array(Int32Array), count: u32, scale: f32 },
    lengths: ({ token_ids, count }) => [['token_ids', token_ids, count]],
  },
  rms_norm: {
    fields: { out: buffer, x: buffer, gain: buffer, rows: u32, columns: u32, epsilon: f32 },
    lengths: () => [],
  },
  rope: {
    fields: {
      x: buffer,
      inverse_frequencies: array(Float32Array),
      rows: u32,
      columns: u32,
      head_dim: u32,
      first_position: u32,
      attention_factor: f32,
    },
    lengths: ({ inverse_frequencies, head_dim }) => [['inverse_frequencies', inverse_frequencies, head_dim / 2]],
  },
  attention: {
    fields: {
      out: buffer,
      q: buffer,
      k: buffer,
      v: buffer,
      cache: handle('kv_cache'),
      rows: u32,
      heads: u32,
      sliding_window: u32,
      scale: f32,
      soft_cap: f32,
    },
    lengths: () => [],
  },
  silu_mul: elementwise,
  gelu_tanh_mul: elementwise,
  add: elementwise,
  soft_cap: {
    fields: { x: buffer, count: u64, cap: f32 },
    lengths: () => [],
  },
  linear: {
    fields: { out: buffer, x: buffer, weight, rows: u32, quantize_single_row: i32, ...scratch },
    lengths: ({ scratch, scratch_bytes }) => [['scratch', scratch, scratch_bytes]],
  },
  cross_entropy: {
    fields: {
      x: buffer,
      head: weight,
      targets: array(Int32Array),
      losses: array(Float64Array),
      rows: u32,
      soft_cap: f32,
      ...scratch,
    },
    lengths: ({ targets, losses, rows, scratch, scratch_bytes }) => [
      ['targets', targets, rows],
      ['losses', losses, rows],
      ['scratch', scratch, scratch_bytes],
    ],
  },
  divergence: {
    fields: {
      x: buffer,
      head: weight,
      base_x: buffer,
      base_head: weight,
      divergences: array(Float64Array),
      same_top: array<Uint8Array>(Uint8Array),
      rows: u32,
      first_row: u32,
      soft_cap: f32,
      ...scratch,
    },
    lengths: ({ divergences, same_top, rows, first_row, scratch, scratch_bytes }) => [
      ['divergences', divergences, rows - first_row],
      ['same_top', same_top, rows - first_row],
      ['scratch', scratch, scratch_bytes],
    ],
  },
  argmax: {
    fields: { logits: buffer, token_ids: array(Int32Array), rows: u32, columns: u32 },
    lengths: ({ token_ids, rows }) => [['token_ids', token_ids, rows]],
  },
  sample: {
    fields: {
      logits: buffer,
      rows: u32,
      columns: u32,
      temperature: f32,
      top_k: u32,
      top_p: f32,
      random: f64,
      token_id: i32,
    },
    lengths: () => [],
  },
  quantize_per_token: {
    fields: { x: array(Float32Array), codes: array(Int8Array), scales: array(Float32Array), rows: u32, columns: u32 },
    lengths: ({ x, codes, scales, rows, columns }) => [
      ['x', x, rows * columns],
      ['codes', codes, rows * columns],
      ['scales', scales, rows],
    ],
  },
  matmul_int8: {
    fields: { a: array(Int8Array), b: array(Int8Array), out: array(Int32Array), m: u32, n: u32, k: u32, ...scratch },
    lengths: ({ a, b, out, m, n, k, scratch, scratch_bytes }) => [
      ['a', a, m * k],
      ['b', b, n * k],
      ['out', out, m * n],
      ['scratch', scratch, scratch_bytes],
    ],
  },
  quantize_rows: {
    fields: {
      source: arrayOf(Float32Array, Uint16Array),
      codes: array(Int8Array),
      scales: array(Float32Array),
      dtype: i32,
      bits: i32,
      rows: u32,
      columns: u32,
      group_size: u32,
    },
    lengths: ({ source, codes, scales, dtype, rows, columns, group_size }) => {
      const groups = group_size === 0 ? 1 : Math.ceil(columns / group_size);
      // A format of four bytes takes two elements of an array of 16 bits each.
      const elements = rows * columns * (dtype === 0 ? 4 / source.BYTES_PER_ELEMENT : 1);
      return [
        ['source', source, elements],
        ['codes', codes, rows * columns],
        ['scales', scales, rows * groups],
      ];
    },
  },
  multiply_add: {
    fields: {
      c: array(Float64Array),
      a: array(Float64Array),
      b: array(Float64Array),
      c_stride: u64,
      a_stride: u64,
      b_stride: u64,
      m: u32,
      n: u32,
      k: u32,
      transpose_b: i32,
      factor: f64,
    },
    lengths: ({ c, a, b, c_stride, a_stride, b_stride, m, n, k, transpose_b }) => [
      ['c', c, extent(m, n, c_stride)],
      ['a', a, extent(m, k, a_stride)],
      ['b', b, transpose_b ? extent(n, k, b_stride) : extent(k, n, b_stride)],
    ],
  },
  inverse_factor: {
    fields: { h: array(Float64Array), stride: u64, n: u32, pivot: i32 },
    lengths: ({ h, stride, n }) => [['h', h, extent(n, n, stride)]],
  },
  hadamard: {
    fields: { x: array(Float64Array), base: array(Int8Array), stride: u64, rows: u32, columns: u32, order: u32 },
    lengths: ({ x, base, stride, rows, columns, order }) => [
      ['x', x, extent(rows, columns, stride)],
      ['base', base, order * order],
    ],
  },
  accumulate: {
    fields: {
      sum: array(Float64Array),
      y: array(Float32Array),
      x: array(Float32Array),
      stride: u64,
      count: u32,
      p: u32,
      n: u32,
    },
    lengths: ({ sum, y, x, stride, count, p, n }) => [
      ['sum', sum, extent(p, n, stride)],
      ['y', y, count * p],
      ['x', x, count * n],
    ],
  },
  peak: {
    fields: { seconds: f64, int8_gops: f64, f32_gops: f64, bf16_gops: f64, read_gbs: f64 },
    lengths: () => [],
  },
};
