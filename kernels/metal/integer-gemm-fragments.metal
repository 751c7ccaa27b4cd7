// Integer products by register fragments. A simdgroup has a block of 32 x 32 outputs, which are two results of 16 x 32,
// and reads its operands from device memory as they are multiplied: neighbours find them in the cache.

#include "common.h"
#include "parameters.h"
#include "tile-table.h"
#include "tiles.h"
#include "codes.h"
#include "epilogue.h"
#include "lanes.h"
#include "fragment.h"
#include "gemm-kernel.h"

constant constexpr uint BLOCK = 32;

// Codes that are multiplied at a time: two products of 16, of which a lane has 8 that follow one another in each row.
// Which of them go into which product does not matter as long as it is the same on both sides.
constant constexpr uint STEP = 32;

// Simdgroups of a threadgroup wait for one another so often, in codes, lest they drift apart and lose what others have
// brought into the cache.
constant constexpr uint MEETING = 512;

// Where a simdgroup and its lane are. A block beyond the output has no rows or no columns.
struct Block {
  uint first_m, first_n;
  uint rows, columns; // that exist
  uint row, column;   // of the lane in a fragment
};

template <uint SIMDGROUPS_N>
inline Block block_of(Tile tile, uint simdgroup, uint lane, constant IntegerGemmParameters &p) {
  const uint m = tile.first_m + simdgroup / SIMDGROUPS_N * BLOCK;
  const uint n = tile.first_n + simdgroup % SIMDGROUPS_N * BLOCK;
  return {
      m, n, m < p.m ? min(BLOCK, p.m - m) : 0, n < p.n ? min(BLOCK, p.n - n) : 0, lane_row(lane), lane_column(lane)};
}

inline bool is_empty(Block block) { return block.rows == 0 || block.columns == 0; }

// The rows of codes that a lane reads for a block: row, row + 8, row + 16 and row + 24, the last one instead of those
// that do not exist.
struct LaneRows {
  device const int8_t *first;
  uint offsets[4];
  bool are_aligned; // at multiples of 4 bytes
};

inline LaneRows lane_rows(device const int8_t *codes, uint first, uint count, uint stride, uint row, uint is_aligned) {
  LaneRows rows;
  rows.first = codes + ulong(first) * stride;
  rows.are_aligned = is_aligned != 0;
#pragma clang loop unroll(full)
  for (uint i = 0; i < 4; i++) rows.offsets[i] = min(row + 8 * i, max(count, 1u) - 1) * stride;
  return rows;
}

// The codes of a step in four rows: `low` for its first product, `high` for its second.
struct LaneCodes {
  char4 low[4], high[4];
};

// Codes [k, k + 8) of each row; those from `end` on are zeros unless all codes of the step are before it.
template <uint BITS>
inline LaneCodes load_codes(thread const LaneRows &rows, uint k, uint end, bool is_whole) {
  LaneCodes codes;
#pragma clang loop unroll(full)
  for (uint i = 0; i < 4; i++) {
    device const int8_t *row = rows.first + rows.offsets[i];
    const EightCodes eight = !is_whole                        ? codes_before<BITS>(row, k, end)
                             : rows.are_aligned && k % 8 == 0 ? eight_aligned_codes<BITS>(row, k)
                                                              : eight_codes<BITS>(row, k);
    codes.low[i] = eight.low;
    codes.high[i] = eight.high;
  }
  return codes;
}

// upper and lower += x * weight, of 16 codes.
template <typename Product, typename Result>
inline void multiply_codes(thread Product &product, thread Result &upper, thread Result &lower,
                           thread const char4 (&x)[4], thread const char4 (&weight)[4]) {
  auto upper_left = FRAGMENT_LEFT(product);
  auto lower_left = FRAGMENT_LEFT(product);
  auto right = FRAGMENT_RIGHT(product);
#pragma clang loop unroll(full)
  for (ushort i = 0; i < 4; i++) {
    upper_left[i] = x[0][i];
    upper_left[4 + i] = x[1][i];
    lower_left[i] = x[2][i];
    lower_left[4 + i] = x[3][i];
    right[i] = weight[0][i];
    right[4 + i] = weight[1][i];
    right[8 + i] = weight[2][i];
    right[12 + i] = weight[3][i];
  }
  product.run(upper_left, right, upper);
  product.run(lower_left, right, lower);
}

template <typename Result>
inline void set_zero(thread Result &upper, thread Result &lower) {
#pragma clang loop unroll(full)
  for (ushort i = 0; i < 16; i++) {
    upper[i] = 0;
    lower[i] = 0;
  }
}

// Adds the products of codes [from, end). Activations beyond `end` meet weights of zero.
template <uint BITS, typename Product, typename Result>
inline void add_products(thread Product &product, thread Result &upper, thread Result &lower, Block block,
                         thread const LaneRows &x, thread const LaneRows &weight, uint from, uint end, uint x_end) {
  // Unrolled, loads of later steps would be moved to the front, and registers spilled.
#pragma clang loop unroll(disable)
  for (uint k = from; k < end; k += STEP) {
    if (!is_empty(block)) {
      const uint lane_k = k + 2 * block.column;
      const bool is_aligned = BITS == 8 || k % 2 == 0;
      const LaneCodes x_codes = load_codes<8>(x, lane_k, x_end, k + STEP <= x_end);
      const LaneCodes weight_codes = load_codes<BITS>(weight, lane_k, end, k + STEP <= end && is_aligned);
      multiply_codes(product, upper, lower, x_codes.low, weight_codes.low);
      multiply_codes(product, upper, lower, x_codes.high, weight_codes.high);
    }
    if ((k + STEP) % MEETING == 0) threadgroup_barrier(mem_flags::mem_none);
  }
}

// What belongs to the eight columns of a lane: values[n], n in steps of `stride`, the last one instead of those that do
// not exist.
struct LaneColumns {
  float values[8];
};

inline LaneColumns lane_columns(device const float *values, Block block, uint stride) {
  LaneColumns columns;
#pragma clang loop unroll(full)
  for (uint i = 0; i < 8; i++) {
    const uint column = min(block.column + i % 4 + i / 4 * 16, max(block.columns, 1u) - 1);
    columns.values[i] = values[ulong(block.first_n + column) * stride];
  }
  return columns;
}

// The eight of element i of a result.
inline float column_value(thread const LaneColumns &columns, uint i) { return columns.values[i % 4 + i / 8 * 4]; }

// Elements of a result whose first row is `first_row` of the block.
template <typename T>
inline void store_values(device T *out, Block block, uint first_row, uint n, thread const T (&values)[16]) {
#pragma clang loop unroll(full)
  for (uint i = 0; i < 16; i++) {
    const uint row = first_row + block.row + element_row(i);
    const uint column = block.column + element_column(i) + element_fragment(i);
    if (row < block.rows && column < block.columns) {
      out[ulong(block.first_m + row) * n + block.first_n + column] = values[i];
    }
  }
}

// The scales of the two rows of a result that a lane has, the last one instead of those that do not exist.
struct RowPair {
  float values[2];
};

inline RowPair row_pair(device const float *x_scales, Block block, uint first_row) {
  const uint last = block.rows - 1;
  const uint row = first_row + block.row;
  return {{x_scales[block.first_m + min(row, last)], x_scales[block.first_m + min(row + 8, last)]}};
}

// The two of element i of a result.
inline float row_value(thread const RowPair &rows, uint i) { return rows.values[i / 4 % 2]; }

// Sums over the whole of K.
template <uint BITS, typename Product, typename Result>
inline void sum_rows(thread Product &product, thread Result &upper, thread Result &lower, device const int8_t *x,
                     device const int8_t *weight, constant IntegerGemmParameters &p, Block block) {
  const LaneRows x_rows = lane_rows(x, block.first_m, block.rows, p.x_stride, block.row, p.is_aligned);
  const LaneRows weight_rows =
      lane_rows(weight, block.first_n, block.columns, p.weight_stride, block.row, p.is_aligned);
  set_zero(upper, lower);
  add_products<BITS>(product, upper, lower, block, x_rows, weight_rows, 0, p.k, p.x_stride);
}

template <typename Result>
inline void store_raw(device int *out, Block block, uint first_row, uint n, thread Result &sums) {
  int values[16];
#pragma clang loop unroll(full)
  for (ushort i = 0; i < 16; i++) values[i] = sums[i];
  store_values(out, block, first_row, n, values);
}

template <uint SIMDGROUPS_M, uint SIMDGROUPS_N>
inline void raw_gemm(device const int8_t *x, device const int8_t *weight, device int *out,
                     constant IntegerGemmParameters &p, uint threadgroup_index, uint simdgroup, uint lane) {
  const Tile tile = swizzled_tile(threadgroup_index, p, SIMDGROUPS_M * BLOCK, SIMDGROUPS_N * BLOCK);
  if (!tile.exists) return;
  const Block block = block_of<SIMDGROUPS_N>(tile, simdgroup, lane, p);
  FRAGMENT_PRODUCT(product);
  auto upper = FRAGMENT_RESULT(product);
  auto lower = FRAGMENT_RESULT(product);
  sum_rows<8>(product, upper, lower, x, weight, p, block);
  if (is_empty(block)) return;
  store_raw(out, block, 0, p.n, upper);
  store_raw(out, block, 16, p.n, lower);
}

// What scales and biases a lane needs at the end.
struct Scaling {
  device const float *x_scales;
  bool has_bias;
  LaneColumns bias;
};

inline Scaling scaling_of(device const float *x_scales, device const float *bias, constant IntegerGemmParameters &p,
                          Block block) {
  Scaling scaling;
  scaling.x_scales = x_scales;
  scaling.has_bias = p.has_bias != 0;
  if (scaling.has_bias) scaling.bias = lane_columns(bias, block, 1);
  return scaling;
}

template <typename Result>
inline void store_scaled(device float *out, Block block, uint first_row, uint n, thread Result &sums,
                         thread const Scaling &scaling, thread const LaneColumns &weight_scales) {
  const RowPair x_scales = row_pair(scaling.x_scales, block, first_row);
  float values[16];
#pragma clang loop unroll(full)
  for (ushort i = 0; i < 16; i++) {
    const float y = scaled_by_channel(sums[i], row_value(x_scales, i), column_value(weight_scales, i));
    values[i] = with_bias(y, scaling.has_bias, column_value(scaling.bias, i));
  }
  store_values(out, block, first_row, n, values);
}

template <uint BITS, uint SIMDGROUPS_M, uint SIMDGROUPS_N>
inline void channel_gemm(device const int8_t *x, device const int8_t *weight, device float *out,
                         device const float *x_scales, device const float *weight_scales, device const float *bias,
                         constant IntegerGemmParameters &p, uint threadgroup_index, uint simdgroup, uint lane) {
  const Tile tile = swizzled_tile(threadgroup_index, p, SIMDGROUPS_M * BLOCK, SIMDGROUPS_N * BLOCK);
  if (!tile.exists) return;
  const Block block = block_of<SIMDGROUPS_N>(tile, simdgroup, lane, p);
  FRAGMENT_PRODUCT(product);
  auto upper = FRAGMENT_RESULT(product);
  auto lower = FRAGMENT_RESULT(product);
  sum_rows<BITS>(product, upper, lower, x, weight, p, block);
  if (is_empty(block)) return;
  const Scaling scaling = scaling_of(x_scales, bias, p, block);
  const LaneColumns scales = lane_columns(weight_scales, block, 1);
  store_scaled(out, block, 0, p.n, upper, scaling, scales);
  store_scaled(out, block, 16, p.n, lower, scaling, scales);
}

// totals += sums * weight_scales.
template <typename Result>
inline void add_group(thread float (&totals)[16], thread Result &sums, thread const LaneColumns &weight_scales) {
#pragma clang loop unroll(full)
  for (ushort i = 0; i < 16; i++) totals[i] = with_group(totals[i], sums[i], column_value(weight_scales, i));
}

inline void store_totals(device float *out, Block block, uint first_row, uint n, thread float (&totals)[16],
                         thread const Scaling &scaling) {
  const RowPair x_scales = row_pair(scaling.x_scales, block, first_row);
#pragma clang loop unroll(full)
  for (ushort i = 0; i < 16; i++) {
    const float y = scaled_by_group(totals[i], row_value(x_scales, i));
    totals[i] = with_bias(y, scaling.has_bias, column_value(scaling.bias, i));
  }
  store_values(out, block, first_row, n, totals);
}

template <uint BITS, uint SIMDGROUPS_M, uint SIMDGROUPS_N>
inline void group_gemm(device const int8_t *x, device const int8_t *weight, device float *out,
                       device const float *x_scales, device const float *weight_scales, device const float *bias,
                       constant IntegerGemmParameters &p, uint threadgroup_index, uint simdgroup, uint lane) {
  const Tile tile = swizzled_tile(threadgroup_index, p, SIMDGROUPS_M * BLOCK, SIMDGROUPS_N * BLOCK);
  if (!tile.exists) return;
  const Block block = block_of<SIMDGROUPS_N>(tile, simdgroup, lane, p);
  const LaneRows x_rows = lane_rows(x, block.first_m, block.rows, p.x_stride, block.row, p.is_aligned);
  const LaneRows weight_rows =
      lane_rows(weight, block.first_n, block.columns, p.weight_stride, block.row, p.is_aligned);
  FRAGMENT_PRODUCT(product);
  auto upper = FRAGMENT_RESULT(product);
  auto lower = FRAGMENT_RESULT(product);
  float upper_totals[16];
  float lower_totals[16];
#pragma clang loop unroll(full)
  for (ushort i = 0; i < 16; i++) {
    upper_totals[i] = 0.0f;
    lower_totals[i] = 0.0f;
  }
  // Unrolled, it would need the registers of several groups.
#pragma clang loop unroll(disable)
  for (uint group = 0; group < p.groups; group++) {
    const uint from = group * p.group_size;
    set_zero(upper, lower);
    add_products<BITS>(product, upper, lower, block, x_rows, weight_rows, from, min(p.k - from, p.group_size) + from,
                       p.x_stride);
    if (is_empty(block)) continue;
    const LaneColumns scales = lane_columns(weight_scales + group, block, p.groups);
    add_group(upper_totals, upper, scales);
    add_group(lower_totals, lower, scales);
  }
  if (is_empty(block)) return;
  const Scaling scaling = scaling_of(x_scales, bias, p, block);
  store_totals(out, block, 0, p.n, upper_totals, scaling);
  store_totals(out, block, 16, p.n, lower_totals, scaling);
}

// The tiles of tile-table.h in blocks of simdgroups.
#define BLOCKS(SIZE) FRAGMENTS_##SIZE##_M / BLOCK, FRAGMENTS_##SIZE##_N / BLOCK

static_assert(FRAGMENTS_LARGE_M % BLOCK == 0 && FRAGMENTS_LARGE_N % BLOCK == 0, "whole blocks");
static_assert(FRAGMENTS_SMALL_M % BLOCK == 0 && FRAGMENTS_SMALL_N % BLOCK == 0, "whole blocks");
static_assert(FRAGMENTS_LARGE_THREADS * BLOCK == FRAGMENTS_LARGE_M * FRAGMENTS_LARGE_N, "a simdgroup a block");
static_assert(FRAGMENTS_SMALL_THREADS * BLOCK == FRAGMENTS_SMALL_M * FRAGMENTS_SMALL_N, "a simdgroup a block");

#define RAW_GEMM(SIZE) raw_gemm<BLOCKS(SIZE)>(x, weight, out, p, threadgroup_index, simdgroup, lane);
#define SCALED_GEMM(GEMM, BITS, SIZE)                                                                                  \
  GEMM<BITS, BLOCKS(SIZE)>(x, weight, out, x_scales, weight_scales, bias, p, threadgroup_index, simdgroup, lane);

RAW_KERNEL(int8_matmul_large, FRAGMENTS_LARGE_THREADS, RAW_GEMM(LARGE))
RAW_KERNEL(int8_matmul_small, FRAGMENTS_SMALL_THREADS, RAW_GEMM(SMALL))
SCALED_KERNEL(int8_gemm_large, FRAGMENTS_LARGE_THREADS, SCALED_GEMM(channel_gemm, 8, LARGE))
SCALED_KERNEL(int8_gemm_small, FRAGMENTS_SMALL_THREADS, SCALED_GEMM(channel_gemm, 8, SMALL))
SCALED_KERNEL(int8_group_gemm_large, FRAGMENTS_LARGE_THREADS, SCALED_GEMM(group_gemm, 8, LARGE))
SCALED_KERNEL(int8_group_gemm_small, FRAGMENTS_SMALL_THREADS, SCALED_GEMM(group_gemm, 8, SMALL))
SCALED_KERNEL(int4_gemm_large, FRAGMENTS_LARGE_THREADS, SCALED_GEMM(channel_gemm, 4, LARGE))
SCALED_KERNEL(int4_gemm_small, FRAGMENTS_SMALL_THREADS, SCALED_GEMM(channel_gemm, 4, SMALL))
SCALED_KERNEL(int4_group_gemm_large, FRAGMENTS_LARGE_THREADS, SCALED_GEMM(group_gemm, 4, LARGE))
SCALED_KERNEL(int4_group_gemm_small, FRAGMENTS_SMALL_THREADS, SCALED_GEMM(group_gemm, 4, SMALL))
