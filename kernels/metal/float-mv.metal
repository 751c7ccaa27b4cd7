// Float layers of a single row of activations: a simdgroup makes MV_SIMDGROUP_ROWS outputs, so that activations are
// loaded once for all of them. A lane takes eight elements of each row, the next lane the next eight.
#include "float-linear.h"

constant constexpr uint MV_SIMDGROUP_ROWS = MV_ROWS * 32 / MV_THREADS;

// A row's products from k on, those of a lane, element by element.
template <class Elements>
inline float multiply_singly(device const float *x, FloatWeight weight, uint n, uint from, uint lane,
                             constant FloatLinearParameters &parameters) {
  float sum = 0;
  for (uint k = from + lane; k < parameters.k; k += 32) {
    sum = fma(weight_at<Elements>(weight, n, k, parameters), x[k], sum);
  }
  return sum;
}

// Adds the products of the eight elements from k on. Those of codes are Σ code · x · scale + Σ x · bias.
template <class Elements>
inline float multiply_eight(thread const float *x, float x_sum, FloatWeight weight, uint n, uint k, float sum,
                            constant FloatLinearParameters &parameters) {
  float elements[8];
  Elements::load_eight(row_of(weight, n, parameters), k, elements);
  float products = Elements::has_groups ? 0 : sum;
#pragma clang loop unroll(full)
  for (uint i = 0; i < 8; i++) products = fma(elements[i], x[i], products);
  if (!Elements::has_groups) return products;
  const size_t group = group_of(n, k, parameters);
  return fma(weight.scales[group], products, fma(weight.biases[group], x_sum, sum));
}

template <class Elements>
inline void multiply_vector(device const float *x, FloatWeight weight, device float *out, device const float *bias,
                            constant FloatLinearParameters &parameters, uint first_row, uint lane) {
  const uint last_row = parameters.n - 1;
  const uint eights = comes_in_eights<Elements>(parameters) ? parameters.k / 8 : 0;
  float sums[MV_SIMDGROUP_ROWS];
#pragma clang loop unroll(full)
  for (uint i = 0; i < MV_SIMDGROUP_ROWS; i++) sums[i] = 0;
  for (uint eight = lane; eight < eights; eight += 32) {
    float activations[8];
    F32Elements::load_eight(reinterpret_cast<device const uchar *>(x), 8 * eight, activations);
    float x_sum = 0;
#pragma clang loop unroll(full)
    for (uint i = 0; i < 8; i++) x_sum += activations[i];
#pragma clang loop unroll(full)
    for (uint i = 0; i < MV_SIMDGROUP_ROWS; i++) {
      const uint n = min(first_row + i, last_row);
      sums[i] = multiply_eight<Elements>(activations, x_sum, weight, n, 8 * eight, sums[i], parameters);
    }
  }
#pragma clang loop unroll(full)
  for (uint i = 0; i < MV_SIMDGROUP_ROWS; i++) {
    const uint n = min(first_row + i, last_row);
    float sum = simd_sum(sums[i] + multiply_singly<Elements>(x, weight, n, 8 * eights, lane, parameters));
    // A code of 0 makes NaN of an infinity, which its weight may not.
    if (Elements::has_groups && !isfinite(sum)) {
      sum = simd_sum(multiply_singly<Elements>(x, weight, n, 0, lane, parameters));
    }
    if (lane == 0 && first_row + i <= last_row) out[n] = parameters.has_bias ? sum + bias[n] : sum;
  }
}

inline uint first_row_of(uint group, uint simdgroup) { return group * MV_ROWS + simdgroup * MV_SIMDGROUP_ROWS; }

kernel void dense_f32_mv(device const float *x [[buffer(0)]], device const uchar *weight [[buffer(1)]],
                         device float *out [[buffer(2)]], device const float *bias [[buffer(5)]],
                         constant FloatLinearParameters &parameters [[buffer(6)]],
                         uint group [[threadgroup_position_in_grid]], uint lane [[thread_index_in_simdgroup]],
                         uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  multiply_vector<F32Elements>(x, {weight, nullptr, nullptr}, out, bias, parameters, first_row_of(group, simdgroup),
                               lane);
}

kernel void dense_f16_mv(device const float *x [[buffer(0)]], device const uchar *weight [[buffer(1)]],
                         device float *out [[buffer(2)]], device const float *bias [[buffer(5)]],
                         constant FloatLinearParameters &parameters [[buffer(6)]],
                         uint group [[threadgroup_position_in_grid]], uint lane [[thread_index_in_simdgroup]],
                         uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  multiply_vector<F16Elements>(x, {weight, nullptr, nullptr}, out, bias, parameters, first_row_of(group, simdgroup),
                               lane);
}

kernel void dense_bf16_mv(device const float *x [[buffer(0)]], device const uchar *weight [[buffer(1)]],
                          device float *out [[buffer(2)]], device const float *bias [[buffer(5)]],
                          constant FloatLinearParameters &parameters [[buffer(6)]],
                          uint group [[threadgroup_position_in_grid]], uint lane [[thread_index_in_simdgroup]],
                          uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  multiply_vector<Bf16Elements>(x, {weight, nullptr, nullptr}, out, bias, parameters, first_row_of(group, simdgroup),
                                lane);
}

kernel void affine8_mv(device const float *x [[buffer(0)]], device const uchar *weight [[buffer(1)]],
                       device float *out [[buffer(2)]], device const float *scales [[buffer(3)]],
                       device const float *biases [[buffer(4)]], device const float *bias [[buffer(5)]],
                       constant FloatLinearParameters &parameters [[buffer(6)]],
                       uint group [[threadgroup_position_in_grid]], uint lane [[thread_index_in_simdgroup]],
                       uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  multiply_vector<Affine8Elements>(x, {weight, scales, biases}, out, bias, parameters, first_row_of(group, simdgroup),
                                   lane);
}

kernel void affine4_mv(device const float *x [[buffer(0)]], device const uchar *weight [[buffer(1)]],
                       device float *out [[buffer(2)]], device const float *scales [[buffer(3)]],
                       device const float *biases [[buffer(4)]], device const float *bias [[buffer(5)]],
                       constant FloatLinearParameters &parameters [[buffer(6)]],
                       uint group [[threadgroup_position_in_grid]], uint lane [[thread_index_in_simdgroup]],
                       uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  multiply_vector<Affine4Elements>(x, {weight, scales, biases}, out, bias, parameters, first_row_of(group, simdgroup),
                                   lane);
}
