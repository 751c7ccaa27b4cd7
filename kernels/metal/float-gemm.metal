// Float layers of several rows of activations: a threadgroup makes FLOAT_TILE x FLOAT_TILE outputs, a thread
// GEMM_THREAD_ROWS x 4 of them. Activations and weights pass through threadgroup memory as f32 [GEMM_DEPTH,
// FLOAT_TILE]; while a piece of them is multiplied, the next one is on its way to registers.
#include "float-linear.h"

// A thread stages eight elements of a row.
constant constexpr uint GEMM_DEPTH = FLOAT_THREADS * 8 / FLOAT_TILE;
constant constexpr uint GEMM_STRIDE = FLOAT_TILE + 4;
constant constexpr uint GEMM_TILE_VECTORS = GEMM_DEPTH * GEMM_STRIDE / 4;
constant constexpr uint GEMM_COLUMN_THREADS = FLOAT_TILE / 4;
constant constexpr uint GEMM_THREAD_ROWS = FLOAT_TILE * GEMM_COLUMN_THREADS / FLOAT_THREADS;

// elements[i] = x[row, k + i], 0 behind the last k. Vectors are loaded where rows begin at multiples of 16 bytes.
inline void load_activations(device const float *x, uint row, uint k, thread float *elements,
                             constant FloatLinearParameters &parameters) {
  device const float *row_x = x + size_t(row) * parameters.k;
  if (parameters.k % 4 == 0 && k + 8 <= parameters.k) {
    F32Elements::load_eight(reinterpret_cast<device const uchar *>(row_x), k, elements);
    return;
  }
#pragma clang loop unroll(full)
  for (uint i = 0; i < 8; i++) elements[i] = k + i < parameters.k ? row_x[k + i] : 0;
}

// elements[i] = weight[n, k + i], 0 behind the last k.
template <class Elements>
inline void load_weights(FloatWeight weight, uint n, uint k, thread float *elements,
                         constant FloatLinearParameters &parameters) {
  if (comes_in_eights<Elements>(parameters) && k + 8 <= parameters.k) {
    Elements::load_eight(row_of(weight, n, parameters), k, elements);
    if (!Elements::has_groups) return;
    const size_t group = group_of(n, k, parameters);
    const float scale = weight.scales[group];
    const float bias = weight.biases[group];
#pragma clang loop unroll(full)
    for (uint i = 0; i < 8; i++) elements[i] = fma(scale, elements[i], bias);
    return;
  }
#pragma clang loop unroll(full)
  for (uint i = 0; i < 8; i++) {
    elements[i] = k + i < parameters.k ? weight_at<Elements>(weight, n, k + i, parameters) : 0;
  }
}

// Puts eight elements of a row below one another.
inline void store_column(thread const float *elements, threadgroup float4 *tile, uint row, uint depth) {
  threadgroup float *column = reinterpret_cast<threadgroup float *>(tile) + depth * GEMM_STRIDE + row;
#pragma clang loop unroll(full)
  for (uint i = 0; i < 8; i++) column[i * GEMM_STRIDE] = elements[i];
}

inline void multiply_staged(thread float (&sums)[GEMM_THREAD_ROWS][4], threadgroup const float4 *x_tile,
                            threadgroup const float4 *weight_tile, uint row, uint column) {
  for (uint depth = 0; depth < GEMM_DEPTH; depth++) {
    const float4 weights = weight_tile[(depth * GEMM_STRIDE + column) / 4];
#pragma clang loop unroll(full)
    for (uint i = 0; i < GEMM_THREAD_ROWS; i += 4) {
      const float4 activations = x_tile[(depth * GEMM_STRIDE + row + i) / 4];
#pragma clang loop unroll(full)
      for (uint r = 0; r < 4; r++) {
#pragma clang loop unroll(full)
        for (uint j = 0; j < 4; j++) sums[i + r][j] = fma(activations[r], weights[j], sums[i + r][j]);
      }
    }
  }
}

template <class Elements>
inline void multiply_tile(device const float *x, FloatWeight weight, device float *out, device const float *bias,
                          constant FloatLinearParameters &parameters, uint2 group, uint index,
                          threadgroup float4 *x_tile, threadgroup float4 *weight_tile) {
  const uint first_m = group.y * FLOAT_TILE;
  const uint first_n = group.x * FLOAT_TILE;
  // What the thread stages: rows behind the last are the last once more.
  const uint staged_row = index / (GEMM_DEPTH / 8);
  const uint staged_depth = index % (GEMM_DEPTH / 8) * 8;
  const uint staged_m = min(first_m + staged_row, parameters.m - 1);
  const uint staged_n = min(first_n + staged_row, parameters.n - 1);
  // What it makes.
  const uint row = index / GEMM_COLUMN_THREADS * GEMM_THREAD_ROWS;
  const uint column = index % GEMM_COLUMN_THREADS * 4;

  float sums[GEMM_THREAD_ROWS][4];
#pragma clang loop unroll(full)
  for (uint i = 0; i < GEMM_THREAD_ROWS; i++) {
#pragma clang loop unroll(full)
    for (uint j = 0; j < 4; j++) sums[i][j] = 0;
  }
  float activations[8];
  float weights[8];
  load_activations(x, staged_m, staged_depth, activations, parameters);
  load_weights<Elements>(weight, staged_n, staged_depth, weights, parameters);
  for (uint k = 0; k < parameters.k; k += GEMM_DEPTH) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    store_column(activations, x_tile, staged_row, staged_depth);
    store_column(weights, weight_tile, staged_row, staged_depth);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    const uint next = k + GEMM_DEPTH;
    if (next < parameters.k) {
      load_activations(x, staged_m, next + staged_depth, activations, parameters);
      load_weights<Elements>(weight, staged_n, next + staged_depth, weights, parameters);
    }
    multiply_staged(sums, x_tile, weight_tile, row, column);
  }

#pragma clang loop unroll(full)
  for (uint i = 0; i < GEMM_THREAD_ROWS; i++) {
    const uint m = first_m + row + i;
#pragma clang loop unroll(full)
    for (uint j = 0; j < 4; j++) {
      const uint n = first_n + column + j;
      if (m >= parameters.m || n >= parameters.n) continue;
      out[size_t(m) * parameters.n + n] = parameters.has_bias ? sums[i][j] + bias[n] : sums[i][j];
    }
  }
}

kernel void dense_f32_gemm(device const float *x [[buffer(0)]], device const uchar *weight [[buffer(1)]],
                           device float *out [[buffer(2)]], device const float *bias [[buffer(5)]],
                           constant FloatLinearParameters &parameters [[buffer(6)]],
                           uint2 group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup float4 x_tile[GEMM_TILE_VECTORS];
  threadgroup float4 weight_tile[GEMM_TILE_VECTORS];
  multiply_tile<F32Elements>(x, {weight, nullptr, nullptr}, out, bias, parameters, group, index, x_tile, weight_tile);
}

kernel void dense_f16_gemm(device const float *x [[buffer(0)]], device const uchar *weight [[buffer(1)]],
                           device float *out [[buffer(2)]], device const float *bias [[buffer(5)]],
                           constant FloatLinearParameters &parameters [[buffer(6)]],
                           uint2 group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup float4 x_tile[GEMM_TILE_VECTORS];
  threadgroup float4 weight_tile[GEMM_TILE_VECTORS];
  multiply_tile<F16Elements>(x, {weight, nullptr, nullptr}, out, bias, parameters, group, index, x_tile, weight_tile);
}

kernel void dense_bf16_gemm(device const float *x [[buffer(0)]], device const uchar *weight [[buffer(1)]],
                            device float *out [[buffer(2)]], device const float *bias [[buffer(5)]],
                            constant FloatLinearParameters &parameters [[buffer(6)]],
                            uint2 group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup float4 x_tile[GEMM_TILE_VECTORS];
  threadgroup float4 weight_tile[GEMM_TILE_VECTORS];
  multiply_tile<Bf16Elements>(x, {weight, nullptr, nullptr}, out, bias, parameters, group, index, x_tile, weight_tile);
}

kernel void affine8_gemm(device const float *x [[buffer(0)]], device const uchar *weight [[buffer(1)]],
                         device float *out [[buffer(2)]], device const float *scales [[buffer(3)]],
                         device const float *biases [[buffer(4)]], device const float *bias [[buffer(5)]],
                         constant FloatLinearParameters &parameters [[buffer(6)]],
                         uint2 group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup float4 x_tile[GEMM_TILE_VECTORS];
  threadgroup float4 weight_tile[GEMM_TILE_VECTORS];
  multiply_tile<Affine8Elements>(x, {weight, scales, biases}, out, bias, parameters, group, index, x_tile, weight_tile);
}

kernel void affine4_gemm(device const float *x [[buffer(0)]], device const uchar *weight [[buffer(1)]],
                         device float *out [[buffer(2)]], device const float *scales [[buffer(3)]],
                         device const float *biases [[buffer(4)]], device const float *bias [[buffer(5)]],
                         constant FloatLinearParameters &parameters [[buffer(6)]],
                         uint2 group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup float4 x_tile[GEMM_TILE_VECTORS];
  threadgroup float4 weight_tile[GEMM_TILE_VECTORS];
  multiply_tile<Affine4Elements>(x, {weight, scales, biases}, out, bias, parameters, group, index, x_tile, weight_tile);
}
