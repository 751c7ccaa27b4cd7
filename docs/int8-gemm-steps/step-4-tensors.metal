// Step 4: a simdgroup has a tile and gives it to matmul2d, which reads and writes tensors in memory.

#include <metal_stdlib>
#include <metal_tensor>

#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>

using namespace metal;
using namespace mpp::tensor_ops;

struct Sizes {
  uint m, n, k;
  uint x_stride, weight_stride; // bytes between rows
};

#define TILE_M 64
#define TILE_N 32
#define THREADS 32

using CodeTensor = tensor<device int8_t, dextents<int32_t, 2>, tensor_inline>;
using SumTensor = tensor<device int, dextents<int32_t, 2>, tensor_inline>;

// Elements of tensors are not const, so neither are the codes.
[[kernel, max_total_threads_per_threadgroup(THREADS)]] void
gemm(device int8_t *x [[buffer(0)]], device int8_t *weight [[buffer(1)]], device int *out [[buffer(2)]],
     constant Sizes &sizes [[buffer(3)]], uint2 tile [[threadgroup_position_in_grid]],
     uint lane [[thread_index_in_simdgroup]]) {
  const uint first_m = tile.y * TILE_M;
  const uint first_n = tile.x * TILE_N;
  const uint rows = min(uint(TILE_M), sizes.m - first_m);
  const uint columns = min(uint(TILE_N), sizes.n - first_n);

  // The pointer goes to the tile with 64 bits, and the extents end where the matrix does.
  CodeTensor left(x + ulong(first_m) * sizes.x_stride, dextents<int32_t, 2>(int32_t(sizes.k), int32_t(rows)),
                  array<int32_t, 2>{1, int32_t(sizes.x_stride)});
  CodeTensor right(weight + ulong(first_n) * sizes.weight_stride,
                   dextents<int32_t, 2>(int32_t(sizes.k), int32_t(columns)),
                   array<int32_t, 2>{1, int32_t(sizes.weight_stride)});
  device int *tile_out = out + ulong(first_m) * sizes.n + first_n;
  SumTensor sums(tile_out, dextents<int32_t, 2>(int32_t(columns), int32_t(rows)),
                 array<int32_t, 2>{1, int32_t(sizes.n)});

  for (uint row = 0; row < rows; row++) {
    for (uint column = lane; column < columns; column += THREADS) tile_out[ulong(row) * sizes.n + column] = 0;
  }
  simdgroup_barrier(mem_flags::mem_device);

  constexpr auto descriptor = matmul2d_descriptor(TILE_M, TILE_N, static_cast<int>(dynamic_extent), false, true, false,
                                                  matmul2d_descriptor::mode::multiply_accumulate);
  matmul2d<descriptor, execution_simdgroup> product;
  product.run(left, right, sums);
}
