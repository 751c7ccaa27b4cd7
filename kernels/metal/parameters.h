// What the host tells the Metal kernels, member for member: both sides compile this text. Only 32-bit members, so that
// C++ and MSL lay the structs out alike. Sizes count elements unless they say otherwise.
#pragma once

// One threadgroup a row: the threads that quantize_per_token, rms_norm and the kernels over rows of logits ask for.
#define ROW_THREADS 256

// quantize_per_token: 0 x f32 [rows, columns] · 1 codes int8 [rows, code_stride], zero behind the columns · 2 scales
// f32 [rows] · 3 this. Grid: rows.
struct QuantizeParameters {
  uint32_t columns;
  uint32_t code_stride; // bytes, a multiple of 32
};

// The integer products of docs/numerics.md, of activation codes [m, k] and weights [n, k]:
//
//   int8_matmul_{large,small}       raw sums           out int32 [m, n]
//   int8_gemm_{large,small}         scaled by channel  out f32 [m, n]
//   int8_group_gemm_{large,small}   scaled by group    out f32 [m, n]
//   int4_gemm_{large,small}         int4 weights
//   int4_group_gemm_{large,small}
//
// 0 x codes int8 [m, x_stride] · 1 weight codes [n, weight_stride] · 2 out · 3 activation scales f32 [m] · 4 weight
// scales f32 [n, groups] · 5 bias f32 [n] · 6 this. Raw sums have no 3 to 5. int4 codes are packed two a byte, the even
// k in the low half, two's complement. A threadgroup computes a tile of the output, of the size and with the threads
// that tile-table.h has for the library; the host dispatches padded_tiles() of them in a row, and swizzled_tile() says
// which is whose.
//
// Codes may lie at any address and have any stride that a row fits into. Whatever is bound at 5 is not read without a
// bias. Per group, scales of a magnitude in (0, 2^-60) go to library `plain` alone: the others add without caring for
// numbers that the hardware flushes to zero. Library `int4` wants k and group_size to be multiples of 32.
struct IntegerGemmParameters {
  uint32_t m, n, k;
  uint32_t x_stride;         // bytes between rows; a multiple of 32, zeros behind k, but for raw sums, where it is k
  uint32_t weight_stride;    // bytes between rows
  uint32_t group_size;       // 0: one scale a channel; the last group of a row may be shorter
  uint32_t groups;           // scales a row
  uint32_t has_bias;         // else 5 is not read
  uint32_t is_aligned;       // whether all rows of codes begin at multiples of 4 bytes
  uint32_t tiles_m, tiles_n; // of the output
  uint32_t swizzle_log;      // so many rows of tiles, as a power of two, are walked together for the sake of the cache
};

// What the start-up trial asks, in library `probe`.
//
// probe_layout: 0 int32 [3, 32, PROBE_WORDS]. Of the left, right and destination tensor of the product that library
// `fragments` runs, for each lane: its capacity, then of PROBE_ELEMENTS elements whether it is valid, and its indices
// [0] and [1]. Elements from the capacity on are -1. Grid: 1, 32 threads.
#define PROBE_ELEMENTS 16
#define PROBE_WORDS (1 + 3 * PROBE_ELEMENTS)

// probe_arithmetic: 0 f32 [PROBE_INPUTS], which are 2^-100, 2^-40, 2^-140, 1 + 2^-12 and -(1 + 2^-11) · 1 bits of f32
// [PROBE_RESULTS]: 2^-100 · 2^-40 (0: products are flushed) · 2^-140 + 2^-140 (0: operands are flushed) · (1 + 2^-12) ·
// (1 + 2^-12) - (1 + 2^-11) (0: not contracted) · the first two by the helpers of exact-floats.h, which must be 2^-140
// and 2^-139. Grid: 1, 1 thread.
#define PROBE_INPUTS 5
#define PROBE_RESULTS 5

// A single row of float activations with integer weights, docs/numerics.md section 5: int8_mv, int8_group_mv, int4_mv,
// int4_group_mv. 0 x f32 [k] · 1 weight codes · 2 out f32 [n] · 3 scales f32 [n, groups] · 4 bias f32 [n] · 5 this.
// Grid: ceil(n / MV_ROWS), MV_THREADS threads.
#define MV_ROWS 8
#define MV_THREADS 64
struct MatrixVectorParameters {
  uint32_t n, k;
  uint32_t weight_stride; // bytes between rows
  uint32_t group_size, groups;
  uint32_t has_bias;
  uint32_t is_aligned; // whether all rows of codes begin at multiples of 4 bytes
};

// Float layers, in f32: dense_{f32,f16,bf16}_{gemm,mv} and affine{8,4}_{gemm,mv}, w = scale · code + bias by group.
// 0 x f32 [m, k] · 1 weight · 2 out f32 [m, n] · 3 scales f32 [n, groups] · 4 biases f32 [n, groups] · 5 bias f32 [n] ·
// 6 this. Dense weights have no 3 and 4. Affine codes are unsigned, 4 bits two a byte with the even k in the low half.
// x and the weight begin at multiples of 16 bytes; rows of a weight that do so as well, and groups of a multiple of 8,
// are faster.
// Grids: mv as above; gemm (ceil(n / FLOAT_TILE), ceil(m / FLOAT_TILE)), FLOAT_THREADS threads.
#define FLOAT_TILE 64
#define FLOAT_THREADS 128
struct FloatLinearParameters {
  uint32_t m, n, k;
  uint32_t weight_stride; // bytes between rows, a multiple of the size of an element
  uint32_t group_size;    // 0: one scale a row; the last group of a row may be shorter
  uint32_t groups;
  uint32_t has_bias;
};

// Float layers of bf16 weights by tensor operations, of the library `float-tensors`. split_activations: 0 x f32 [count]
// · 1 high bf16 [count] · 2 low bf16 [count], whose sum is x · 3 ElementwiseParameters, grid as elementwise.
// split_bf16_gemm: 0 high [m, k] · 1 weight · 2 out f32 [m, n] · 3 low [m, k] · 5 bias f32 [n] · 6
// FloatLinearParameters, grid as gemm.

// embedding_{f32,f16,bf16}: 0 out f32 [count, columns] · 1 table · 2 token ids int32 [count] · 3 this. Grid:
// (ceil(columns / ELEMENT_THREADS), count).
struct EmbeddingParameters {
  uint32_t columns;
  uint32_t table_stride; // bytes between rows
  float scale;
};

// rms_norm: 0 out · 1 x · 2 gain f32 [columns] · 3 this. Grid: rows, ROW_THREADS threads. out may be x.
struct RmsNormParameters {
  uint32_t columns;
  float epsilon;
};

// rope: 0 x f32 [rows, heads, head_dim], in place · 1 cosine and sine float2 [rows, head_dim / 2] · 2 this. One thread
// a pair. Grid: (ceil(heads * head_dim / 2 / ELEMENT_THREADS), rows).
struct RopeParameters {
  uint32_t heads, head_dim;
};

// silu_mul, gelu_tanh_mul, add: 0 out · 1 a · 2 b · 3 this; soft_cap: 0 x, in place · 1 this. One thread an element,
// grid ceil(count / ELEMENT_THREADS). out may be a or b. More than 2^32 - 1 elements come in pieces.
#define ELEMENT_THREADS 256
struct ElementwiseParameters {
  uint32_t count;
  float cap; // of soft_cap
};

// append_kv: 0 k f32 [rows, kv_heads, head_dim] · 1 v · 2 keys f32 [kv_heads, capacity, head_dim] · 3 values, likewise
// · 4 this. Grid: (ceil(kv_heads * head_dim / ELEMENT_THREADS), rows).
//
// attention_prefill: 0 q f32 [rows, heads, head_dim] · 1 keys · 2 values · 3 out f32 [rows, heads, head_dim] · 4 this.
// Grid: (ceil(rows / PREFILL_ROWS), heads), PREFILL_THREADS threads.
//
// attention_decode, for one row: 0 q · 1 keys · 2 values · 3 partial outputs f32 [heads, splits, head_dim] · 4 maximum
// and sum float2 [heads, splits] · 5 this. Grid: (kv_heads, splits), 32 threads for each of the heads of a key head: of
// 32 heads at most, more are for attention_prefill. The splits cut up the positions that the row sees, the first of
// them first; together they hold all of them, and the last ones may be empty. attention_merge: 0 partial outputs · 1
// maximum and sum · 2 out f32 [heads, head_dim] · 3 this. Grid: heads, MERGE_THREADS.
#define MAX_HEAD_DIM 512
#define PREFILL_ROWS 32
#define PREFILL_THREADS 128
#define MERGE_THREADS 128
struct AttentionParameters {
  uint32_t rows, heads, kv_heads, head_dim;
  uint32_t first_position; // of the first row
  uint32_t capacity;       // positions that keys and values have room for
  uint32_t sliding_window; // 0: none
  uint32_t splits;         // of the positions that a row sees
  uint32_t split_size;     // positions
  float scale;
  float soft_cap; // 0: none
};

// cross_entropy: 0 logits f32 [rows, columns] · 1 targets int32 [rows] · 2 float4 [rows]: largest logit, sum of
// exp(logit - largest), logit of the target (0 for -1), unused · 3 this. Grid: rows, ROW_THREADS threads. Logits are
// capped first.
struct CrossEntropyParameters {
  uint32_t columns;
  float soft_cap; // 0: none
};

// divergence: 0 logits f32 [rows, columns] · 1 base logits, likewise · 2 float2 [rows]: sum of p ln(p / q), and 1 where
// the largest logits have one index, else 0 · 3 CrossEntropyParameters. Grid: rows, ROW_THREADS threads.
//
// argmax: 0 logits f32 [rows, columns] · 1 ids int32 [rows] · 2 this. Grid: rows, ROW_THREADS threads.
struct ArgmaxParameters {
  uint32_t columns;
};
