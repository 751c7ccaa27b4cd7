// Integer products by tensors in memory: a threadgroup multiplies a tile as one operation, and which lane has which
// element of the result is asked, not known. Libraries `tensors` and `int4` differ in how they read weights: each has
// types W with
//
//   Tensor                       of the right operand
//   add_products(product, sums, x, W, from, end)
//                                sums += x * weight, codes [from, end); all threads of the threadgroup take part
#pragma once

#include "common.h"
#include "parameters.h"
#include "tile-table.h"
#include "tiles.h"
#include "epilogue.h"

#include <metal_tensor>

#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>

using CodeTensor = tensor<device int8_t, dextents<int32_t, 2>, tensor_inline>;

// Rows of a matrix in memory. The pointer has gone to the first row with 64 bits, and there are no more than the matrix
// has: what an operation asks beyond is zero, and not read.
struct TileRows {
  device int8_t *first;
  uint count, stride;
};

inline TileRows tile_rows(device int8_t *matrix, uint first, uint tile_rows, uint rows, uint stride) {
  return {matrix + ulong(first) * stride, min(tile_rows, rows - first), stride};
}

// Codes [from, end) of each row.
inline CodeTensor code_tensor(TileRows rows, uint from, uint end) {
  return CodeTensor(rows.first + from, dextents<int32_t, 2>(int32_t(end - from), int32_t(rows.count)),
                    array<int32_t, 2>{1, int32_t(rows.stride)});
}

// Declares the operation PRODUCT, of a tile and as many codes as its operands have, and SUMS for its result, which is
// undefined.
#define TILE_PRODUCT(PRODUCT, TILE_M, TILE_N)                                                                          \
  constexpr auto PRODUCT##_descriptor =                                                                                \
      mpp::tensor_ops::matmul2d_descriptor(TILE_M, TILE_N, static_cast<int>(dynamic_extent), false, true, false,       \
                                           mpp::tensor_ops::matmul2d_descriptor::mode::multiply_accumulate);           \
  mpp::tensor_ops::matmul2d<PRODUCT##_descriptor, execution_simdgroups<TENSORS_THREADS / 32>> PRODUCT
#define TILE_RESULT(PRODUCT, W)                                                                                        \
  PRODUCT.template get_destination_cooperative_tensor<CodeTensor, typename W::Tensor, int32_t>()

template <typename Sums>
inline void set_zero(thread Sums &sums) {
#pragma clang loop unroll(full)
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    if (sums.is_valid_element(i)) sums[i] = 0;
  }
}

// Where an element of a result goes.
struct Place {
  uint row, column; // in the tile
  bool exists;
};

template <typename Sums>
inline Place place_of(thread Sums &sums, ushort i, Tile tile, constant IntegerGemmParameters &p) {
  if (!sums.is_valid_element(i)) return {0, 0, false};
  const auto index = sums.get_multidimensional_index(i);
  const uint row = uint(index[1]);
  const uint column = uint(index[0]);
  return {row, column, row < p.m - tile.first_m && column < p.n - tile.first_n};
}

inline ulong offset_of(Place place, Tile tile, uint n) {
  return ulong(tile.first_m + place.row) * n + tile.first_n + place.column;
}

// values[first + i], i < count, for all threads; `stride` apart in memory.
inline void share(threadgroup float *shared, device const float *values, uint first, uint count, uint size, uint stride,
                  uint thread_index) {
  for (uint i = thread_index; i < count; i += TENSORS_THREADS) {
    if (first + i < size) shared[i] = values[ulong(first + i) * stride];
  }
}

// Scales and biases of a tile, in threadgroup memory: a lane may have elements of any row and column.
template <uint TILE_M, uint TILE_N>
struct TileScales {
  float x[TILE_M];
  float weight[TILE_N];
  float bias[TILE_N];
};

template <uint TILE_M, uint TILE_N>
inline void share_scales(threadgroup TileScales<TILE_M, TILE_N> &scales, device const float *x_scales,
                         device const float *bias, Tile tile, constant IntegerGemmParameters &p, uint thread_index) {
  share(scales.x, x_scales, tile.first_m, TILE_M, p.m, 1, thread_index);
  if (p.has_bias != 0) share(scales.bias, bias, tile.first_n, TILE_N, p.n, 1, thread_index);
}

template <typename W, uint TILE_M, uint TILE_N>
inline void raw_tile(device int8_t *x, W weight, device int *out, Tile tile, constant IntegerGemmParameters &p) {
  const TileRows x_rows = tile_rows(x, tile.first_m, TILE_M, p.m, p.x_stride);
  TILE_PRODUCT(product, TILE_M, TILE_N);
  auto sums = TILE_RESULT(product, W);
  set_zero(sums);
  add_products(product, sums, x_rows, weight, 0, p.k);
#pragma clang loop unroll(full)
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    const Place place = place_of(sums, i, tile, p);
    if (place.exists) out[offset_of(place, tile, p.n)] = sums[i];
  }
}

template <typename W, uint TILE_M, uint TILE_N>
inline void channel_tile(device int8_t *x, W weight, device float *out, device const float *x_scales,
                         device const float *weight_scales, device const float *bias,
                         threadgroup TileScales<TILE_M, TILE_N> &scales, Tile tile, constant IntegerGemmParameters &p,
                         uint thread_index) {
  share_scales(scales, x_scales, bias, tile, p, thread_index);
  share(scales.weight, weight_scales, tile.first_n, TILE_N, p.n, 1, thread_index);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const TileRows x_rows = tile_rows(x, tile.first_m, TILE_M, p.m, p.x_stride);
  TILE_PRODUCT(product, TILE_M, TILE_N);
  auto sums = TILE_RESULT(product, W);
  set_zero(sums);
  add_products(product, sums, x_rows, weight, 0, p.k);
#pragma clang loop unroll(full)
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    const Place place = place_of(sums, i, tile, p);
    if (!place.exists) continue;
    const float y = scaled_by_channel(sums[i], scales.x[place.row], scales.weight[place.column]);
    out[offset_of(place, tile, p.n)] = with_bias(y, p.has_bias != 0, scales.bias[place.column]);
  }
}

// Adds a group to totals, which are the bits of floats: a second result of the same operation has the same elements in
// the same places, and of integers is all that such a result may be.
template <typename Sums, uint TILE_N>
inline void add_group(thread Sums &totals, thread Sums &sums, threadgroup const float (&weight_scales)[TILE_N],
                      Tile tile, constant IntegerGemmParameters &p) {
#pragma clang loop unroll(full)
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    const Place place = place_of(sums, i, tile, p);
    if (!place.exists) continue;
    const float total = with_group(as_type<float>(totals[i]), sums[i], weight_scales[place.column]);
    totals[i] = as_type<int>(total);
  }
}

template <typename W, uint TILE_M, uint TILE_N>
inline void group_tile(device int8_t *x, W weight, device float *out, device const float *x_scales,
                       device const float *weight_scales, device const float *bias,
                       threadgroup TileScales<TILE_M, TILE_N> &scales, Tile tile, constant IntegerGemmParameters &p,
                       uint thread_index) {
  share_scales(scales, x_scales, bias, tile, p, thread_index);
  const TileRows x_rows = tile_rows(x, tile.first_m, TILE_M, p.m, p.x_stride);
  TILE_PRODUCT(product, TILE_M, TILE_N);
  auto sums = TILE_RESULT(product, W);
  auto totals = TILE_RESULT(product, W);
  set_zero(totals);
  // Unrolled, it would need the registers of several groups.
#pragma clang loop unroll(disable)
  for (uint group = 0; group < p.groups; group++) {
    const uint from = group * p.group_size;
    threadgroup_barrier(mem_flags::mem_threadgroup); // the scales of the last group have been read
    share(scales.weight, weight_scales + group, tile.first_n, TILE_N, p.n, p.groups, thread_index);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    set_zero(sums);
    add_products(product, sums, x_rows, weight, from, from + min(p.group_size, p.k - from));
    add_group(totals, sums, scales.weight, tile, p);
  }
#pragma clang loop unroll(full)
  for (ushort i = 0; i < totals.get_capacity(); i++) {
    const Place place = place_of(totals, i, tile, p);
    if (!place.exists) continue;
    const float y = scaled_by_group(as_type<float>(totals[i]), scales.x[place.row]);
    out[offset_of(place, tile, p.n)] = with_bias(y, p.has_bias != 0, scales.bias[place.column]);
  }
}

// The bodies of kernels. SIZE names a tile of tile-table.h.
#define SCALED_TILE(SIZE)                                                                                              \
  threadgroup TileScales<TENSORS_##SIZE##_M, TENSORS_##SIZE##_N> scales;                                               \
  const uint thread_index = simdgroup * 32 + lane;                                                                     \
  const Tile tile = swizzled_tile(threadgroup_index, p, TENSORS_##SIZE##_M, TENSORS_##SIZE##_N);                       \
  if (!tile.exists) return;
#define CHANNEL_TILE(SIZE, W, WEIGHT)                                                                                  \
  channel_tile<W, TENSORS_##SIZE##_M, TENSORS_##SIZE##_N>(x, WEIGHT, out, x_scales, weight_scales, bias, scales, tile, \
                                                          p, thread_index);
#define GROUP_TILE(SIZE, W, WEIGHT)                                                                                    \
  group_tile<W, TENSORS_##SIZE##_M, TENSORS_##SIZE##_N>(x, WEIGHT, out, x_scales, weight_scales, bias, scales, tile,   \
                                                        p, thread_index);
