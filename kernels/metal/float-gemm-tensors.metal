// Float layers of bf16 weights by tensor operations, which multiply bf16 but no f32 at full speed: activations are
// split into two bf16 each, and both are multiplied.
#include "common.h"
#include "parameters.h"

#include <metal_tensor>

#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>

// The upper half of an f32, rounded to nearest; towards zero where that would make an infinity of a number.
inline ushort to_bf16(float value) {
  const uint bits = as_type<uint>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  const uint rounded = bits + 0x7fff + ((bits >> 16) & 1);
  return ushort(((rounded & 0x7f800000) == 0x7f800000 ? bits : rounded) >> 16);
}

kernel void split_activations(device const float *x [[buffer(0)]], device ushort *high [[buffer(1)]],
                              device ushort *low [[buffer(2)]],
                              constant ElementwiseParameters &parameters [[buffer(3)]],
                              uint group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  const ulong i = ulong(group) * ELEMENT_THREADS + index;
  if (i >= parameters.count) return;
  const float value = x[i];
  const ushort upper = to_bf16(value);
  high[i] = upper;
  // Nothing is left of an infinity or NaN.
  low[i] = isfinite(value) ? to_bf16(value - as_type<float>(uint(upper) << 16)) : 0;
}

using Bf16Rows = tensor<device bfloat, dextents<int32_t, 2>, tensor_inline>;

// Rows of a tile, of which there are no more than the matrix has. The pointer goes there with 64 bits.
inline Bf16Rows rows_of(device bfloat *matrix, uint first, uint rows, uint k, uint stride) {
  return Bf16Rows(matrix + ulong(first) * stride,
                  dextents<int32_t, 2>(int32_t(k), int32_t(min(uint(FLOAT_TILE), rows - first))),
                  array<int32_t, 2>{1, int32_t(stride)});
}

kernel void split_bf16_gemm(device bfloat *high [[buffer(0)]], device bfloat *weight [[buffer(1)]],
                            device float *out [[buffer(2)]], device bfloat *low [[buffer(3)]],
                            device const float *bias [[buffer(5)]],
                            constant FloatLinearParameters &parameters [[buffer(6)]],
                            uint2 group [[threadgroup_position_in_grid]]) {
  constexpr auto descriptor =
      mpp::tensor_ops::matmul2d_descriptor(FLOAT_TILE, FLOAT_TILE, static_cast<int>(dynamic_extent), false, true, false,
                                           mpp::tensor_ops::matmul2d_descriptor::mode::multiply_accumulate);
  mpp::tensor_ops::matmul2d<descriptor, execution_simdgroups<FLOAT_THREADS / 32>> product;
  const uint first_m = group.y * FLOAT_TILE;
  const uint first_n = group.x * FLOAT_TILE;
  auto high_rows = rows_of(high, first_m, parameters.m, parameters.k, parameters.k);
  auto low_rows = rows_of(low, first_m, parameters.m, parameters.k, parameters.k);
  auto weight_rows = rows_of(weight, first_n, parameters.n, parameters.k, parameters.weight_stride / 2);

  auto sums = product.get_destination_cooperative_tensor<Bf16Rows, Bf16Rows, float>();
#pragma clang loop unroll(full)
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    if (sums.is_valid_element(i)) sums[i] = 0;
  }
  product.run(high_rows, weight_rows, sums);
  product.run(low_rows, weight_rows, sums);
#pragma clang loop unroll(full)
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    if (!sums.is_valid_element(i)) continue;
    const auto place = sums.get_multidimensional_index(i);
    const uint m = first_m + uint(place[1]);
    const uint n = first_n + uint(place[0]);
    if (m >= parameters.m || n >= parameters.n) continue;
    out[ulong(m) * parameters.n + n] = parameters.has_bias ? sums[i] + bias[n] : sums[i];
  }
}
