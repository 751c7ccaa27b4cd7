// Products with int4 weights where Metal reads them itself, packed as they are: from macOS 26.4 on.

#include "common.h"
#include "parameters.h"
#include "tile-table.h"
#include "tensor-gemm.h"
#include "gemm-kernel.h"

struct NativeInt4Weight {
  using Tensor = tensor<device int4b_format, dextents<int32_t, 2>, tensor_inline>;
  TileRows rows;
};

// Extents and strides of such a tensor count codes, its pointer counts bytes.
template <typename Product, typename Sums>
inline void add_products(thread Product &product, thread Sums &sums, TileRows x, NativeInt4Weight weight, uint from,
                         uint end) {
  auto left = code_tensor(x, from, end);
  NativeInt4Weight::Tensor right(reinterpret_cast<device uchar *>(weight.rows.first + from / 2),
                                 dextents<int32_t, 2>(int32_t(end - from), int32_t(weight.rows.count)),
                                 array<int32_t, 2>{1, int32_t(weight.rows.stride * 2)});
  product.run(left, right, sums);
}

inline NativeInt4Weight native_weight(device int8_t *weight, Tile tile, uint tile_n,
                                      constant IntegerGemmParameters &p) {
  return {tile_rows(weight, tile.first_n, tile_n, p.n, p.weight_stride)};
}

#define NATIVE_TILE(GEMM, SIZE)                                                                                        \
  SCALED_TILE(SIZE)                                                                                                    \
  GEMM(SIZE, NativeInt4Weight, native_weight(weight, tile, TENSORS_##SIZE##_N, p))

SCALED_KERNEL(int4_gemm_large, TENSORS_THREADS, NATIVE_TILE(CHANNEL_TILE, LARGE))
SCALED_KERNEL(int4_gemm_small, TENSORS_THREADS, NATIVE_TILE(CHANNEL_TILE, SMALL))
SCALED_KERNEL(int4_group_gemm_large, TENSORS_THREADS, NATIVE_TILE(GROUP_TILE, GROUP_LARGE))
SCALED_KERNEL(int4_group_gemm_small, TENSORS_THREADS, NATIVE_TILE(GROUP_TILE, SMALL))
