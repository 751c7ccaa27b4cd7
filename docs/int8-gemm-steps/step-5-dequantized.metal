// Step 5: four simdgroups have a tile, keep its sums in registers and scale them there.

#include <metal_stdlib>
#include <metal_tensor>

#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>

#pragma METAL fp contract(off)

using namespace metal;
using namespace mpp::tensor_ops;

struct Sizes {
  uint m, n, k;
  uint x_stride, weight_stride; // bytes between rows
};

#define TILE_M 64
#define TILE_N 64
#define SIMDGROUPS 4
#define THREADS (32 * SIMDGROUPS)

using CodeTensor = tensor<device int8_t, dextents<int32_t, 2>, tensor_inline>;

inline uint magnitude_bits(float x) { return as_type<uint>(x) & 0x7fffffff; }
inline uint mantissa(float x) { return (as_type<uint>(x) & 0x007fffff) | 0x00800000; }

// a * b of normal numbers, their product being the smallest normal one or less: with integers, which nothing flushes.
inline float tiny_product(float a, float b) {
  const ulong product = ulong(mantissa(a)) * mantissa(b);
  // How many of its bits lie below 2^-149.
  const uint cut = 151 - (magnitude_bits(a) >> 23) - (magnitude_bits(b) >> 23);
  const ulong rounded = cut > 48 ? 0 : (product + (1ul << (cut - 1)) - 1 + ((product >> cut) & 1)) >> cut;
  return as_type<float>(((as_type<uint>(a) ^ as_type<uint>(b)) & 0x80000000) | uint(rounded));
}

// a * b of numbers that are not subnormal.
inline float exact_product(float a, float b) {
  const float product = a * b;
  const bool is_kept = magnitude_bits(product) > 0x00800000 || magnitude_bits(a) == 0 || magnitude_bits(b) == 0;
  return is_kept ? product : tiny_product(a, b);
}

[[kernel, max_total_threads_per_threadgroup(THREADS)]] void
gemm(device int8_t *x [[buffer(0)]], device int8_t *weight [[buffer(1)]], device float *out [[buffer(2)]],
     constant Sizes &sizes [[buffer(3)]], device const float *x_scales [[buffer(4)]],
     device const float *weight_scales [[buffer(5)]], uint2 tile [[threadgroup_position_in_grid]]) {
  const uint first_m = tile.y * TILE_M;
  const uint first_n = tile.x * TILE_N;
  const uint rows = min(uint(TILE_M), sizes.m - first_m);
  const uint columns = min(uint(TILE_N), sizes.n - first_n);
  CodeTensor left(x + ulong(first_m) * sizes.x_stride, dextents<int32_t, 2>(int32_t(sizes.k), int32_t(rows)),
                  array<int32_t, 2>{1, int32_t(sizes.x_stride)});
  CodeTensor right(weight + ulong(first_n) * sizes.weight_stride,
                   dextents<int32_t, 2>(int32_t(sizes.k), int32_t(columns)),
                   array<int32_t, 2>{1, int32_t(sizes.weight_stride)});

  constexpr auto descriptor = matmul2d_descriptor(TILE_M, TILE_N, static_cast<int>(dynamic_extent), false, true, false,
                                                  matmul2d_descriptor::mode::multiply_accumulate);
  matmul2d<descriptor, execution_simdgroups<SIMDGROUPS>> product;
  auto sums = product.get_destination_cooperative_tensor<CodeTensor, CodeTensor, int32_t>();
#pragma clang loop unroll(full)
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    if (sums.is_valid_element(i)) sums[i] = 0;
  }
  product.run(left, right, sums);

#pragma clang loop unroll(full)
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    if (!sums.is_valid_element(i)) continue;
    const auto index = sums.get_multidimensional_index(i);
    const uint row = uint(index[1]);
    const uint column = uint(index[0]);
    if (row >= rows || column >= columns) continue;
    const float scaled = float(sums[i]) * x_scales[first_m + row];
    out[ulong(first_m + row) * sizes.n + first_n + column] = exact_product(scaled, weight_scales[first_n + column]);
  }
}
