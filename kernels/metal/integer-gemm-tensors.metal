// Integer products by tensors in memory. int4 weights are unpacked into threadgroup memory first.

#include "common.h"
#include "parameters.h"
#include "tile-table.h"
#include "tensor-gemm.h"
#include "codes.h"
#include "gemm-kernel.h"

struct Int8Weight {
  using Tensor = CodeTensor;
  TileRows rows;
};

template <typename Product, typename Sums>
inline void add_products(thread Product &product, thread Sums &sums, TileRows x, Int8Weight weight, uint from,
                         uint end) {
  auto left = code_tensor(x, from, end);
  auto right = code_tensor(weight.rows, from, end);
  product.run(left, right, sums);
}

// Codes of a row that are unpacked at a time.
constant constexpr uint UNPACKED = 128;

struct Int4Weight {
  using Tensor = tensor<threadgroup int8_t, dextents<int32_t, 2>, tensor_inline>;
  TileRows rows;
  threadgroup char4 *unpacked; // [rows of a tile, UNPACKED]
  uint thread_index;
};

// Codes [from, end), at most UNPACKED of each row.
inline void unpack(Int4Weight weight, uint from, uint end) {
  constexpr uint EIGHTS = UNPACKED / 8;
  for (uint i = weight.thread_index; i < weight.rows.count * EIGHTS; i += TENSORS_THREADS) {
    device const int8_t *row = weight.rows.first + i / EIGHTS * weight.rows.stride;
    const uint k = from + i % EIGHTS * 8;
    const EightCodes codes = k + 8 <= end && k % 2 == 0 ? eight_codes<4>(row, k) : codes_before<4>(row, k, end);
    weight.unpacked[2 * i] = codes.low;
    weight.unpacked[2 * i + 1] = codes.high;
  }
}

template <typename Product, typename Sums>
inline void add_products(thread Product &product, thread Sums &sums, TileRows x, Int4Weight weight, uint from,
                         uint end) {
  for (uint k = from; k < end; k += UNPACKED) {
    const uint count = min(UNPACKED, end - k);
    threadgroup_barrier(mem_flags::mem_threadgroup); // the last codes have been multiplied
    unpack(weight, k, k + count);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    auto left = code_tensor(x, k, k + count);
    Int4Weight::Tensor right(reinterpret_cast<threadgroup int8_t *>(weight.unpacked),
                             dextents<int32_t, 2>(int32_t(count), int32_t(weight.rows.count)),
                             array<int32_t, 2>{1, int32_t(UNPACKED)});
    product.run(left, right, sums);
  }
}

inline Int8Weight int8_weight(device int8_t *weight, Tile tile, uint tile_n, constant IntegerGemmParameters &p) {
  return {tile_rows(weight, tile.first_n, tile_n, p.n, p.weight_stride)};
}

inline Int4Weight int4_weight(device int8_t *weight, Tile tile, uint tile_n, constant IntegerGemmParameters &p,
                              threadgroup char4 *unpacked, uint thread_index) {
  return {tile_rows(weight, tile.first_n, tile_n, p.n, p.weight_stride), unpacked, thread_index};
}

#define RAW_TILE(SIZE)                                                                                                 \
  const Tile tile = swizzled_tile(threadgroup_index, p, TENSORS_##SIZE##_M, TENSORS_##SIZE##_N);                       \
  if (!tile.exists) return;                                                                                            \
  raw_tile<Int8Weight, TENSORS_##SIZE##_M, TENSORS_##SIZE##_N>(x, int8_weight(weight, tile, TENSORS_##SIZE##_N, p),    \
                                                               out, tile, p);

RAW_KERNEL(int8_matmul_large, TENSORS_THREADS, RAW_TILE(LARGE))
RAW_KERNEL(int8_matmul_small, TENSORS_THREADS, RAW_TILE(SMALL))

#define INT8_TILE(GEMM, SIZE)                                                                                          \
  SCALED_TILE(SIZE)                                                                                                    \
  GEMM(SIZE, Int8Weight, int8_weight(weight, tile, TENSORS_##SIZE##_N, p))

#define INT4_TILE(GEMM, SIZE)                                                                                          \
  threadgroup char4 unpacked[TENSORS_##SIZE##_N * UNPACKED / 4];                                                       \
  SCALED_TILE(SIZE)                                                                                                    \
  GEMM(SIZE, Int4Weight, int4_weight(weight, tile, TENSORS_##SIZE##_N, p, unpacked, thread_index))

SCALED_KERNEL(int8_gemm_large, TENSORS_THREADS, INT8_TILE(CHANNEL_TILE, LARGE))
SCALED_KERNEL(int8_gemm_small, TENSORS_THREADS, INT8_TILE(CHANNEL_TILE, SMALL))
SCALED_KERNEL(int8_group_gemm_large, TENSORS_THREADS, INT8_TILE(GROUP_TILE, GROUP_LARGE))
SCALED_KERNEL(int8_group_gemm_small, TENSORS_THREADS, INT8_TILE(GROUP_TILE, SMALL))
SCALED_KERNEL(int4_gemm_large, TENSORS_THREADS, INT4_TILE(CHANNEL_TILE, LARGE))
SCALED_KERNEL(int4_gemm_small, TENSORS_THREADS, INT4_TILE(CHANNEL_TILE, SMALL))
SCALED_KERNEL(int4_group_gemm_large, TENSORS_THREADS, INT4_TILE(GROUP_TILE, GROUP_LARGE))
SCALED_KERNEL(int4_group_gemm_small, TENSORS_THREADS, INT4_TILE(GROUP_TILE, SMALL))
