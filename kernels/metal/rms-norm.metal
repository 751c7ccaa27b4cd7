// out = x / sqrt(mean of squares + epsilon) · gain, row by row.
#include "rows.h"

// Below this mean, squares that became zero, of less than 2^-126 each, might have mattered.
constant constexpr float SMALLEST_MEAN = 7.9e-31f; // 2^-100

inline float sum_of_squares(device const float *x, uint columns, float factor, RowThread self) {
  float sum = 0;
  for (uint i = self.index; i < columns; i += ROW_THREADS) {
    const float value = x[i] * factor;
    sum = fma(value, value, sum);
  }
  return sum;
}

// A power of two that brings the largest element, or the root of epsilon if that is larger, near 1: both its squares
// and its inverse are normal numbers.
inline float factor_of(device const float *x, uint columns, float epsilon, threadgroup int *parts, RowThread self) {
  int largest = order_of(precise::sqrt(epsilon));
  for (uint i = self.index; i < columns; i += ROW_THREADS) largest = max(largest, order_of(fabs(x[i])));
  const int exponent = row_max(largest, parts, self) >> 23;
  return as_type<float>(clamp(254 - exponent, 1, 253) << 23);
}

kernel void rms_norm(device float *out [[buffer(0)]], device const float *x [[buffer(1)]],
                     device const float *gain [[buffer(2)]], constant RmsNormParameters &parameters [[buffer(3)]],
                     uint row [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]],
                     uint lane [[thread_index_in_simdgroup]], uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float sums[ROW_SIMDGROUPS];
  threadgroup int orders[ROW_SIMDGROUPS];
  const RowThread self = {index, lane, simdgroup};
  const uint columns = parameters.columns;
  device const float *row_x = x + size_t(row) * columns;
  device float *row_out = out + size_t(row) * columns;

  float factor = 1;
  float mean = row_sum(sum_of_squares(row_x, columns, factor, self), sums, self) / float(columns) + parameters.epsilon;
  // The same in all threads. Rows of ordinary numbers are read twice, others twice more.
  if (!(mean > SMALLEST_MEAN && mean < INFINITY)) {
    factor = factor_of(row_x, columns, parameters.epsilon, orders, self);
    const float epsilon = parameters.epsilon * factor * factor;
    mean = row_sum(sum_of_squares(row_x, columns, factor, self), sums, self) / float(columns) + epsilon;
  }
  const float inverse = 1.0f / precise::sqrt(mean);
  for (uint i = index; i < columns; i += ROW_THREADS) row_out[i] = row_x[i] * factor * inverse * gain[i];
}
