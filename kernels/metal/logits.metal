// The largest logit of each row, and what its cross entropy is made of.
#include "logits.h"

kernel void cross_entropy(device const float *logits [[buffer(0)]], device const int *targets [[buffer(1)]],
                          device float4 *out [[buffer(2)]], constant CrossEntropyParameters &parameters [[buffer(3)]],
                          uint row [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]],
                          uint lane [[thread_index_in_simdgroup]], uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float sums[ROW_SIMDGROUPS];
  threadgroup int orders[ROW_SIMDGROUPS];
  const RowThread self = {index, lane, simdgroup};
  const uint columns = parameters.columns;
  const float cap = parameters.soft_cap;
  device const float *row_logits = logits + size_t(row) * columns;

  const float largest = float_of(largest_order(row_logits, columns, cap, orders, self));
  float sum = 0;
  for (uint from = index; from < columns; from += ROW_THREADS * LOGITS_PER_PART) {
    const uint end = min(columns, from + ROW_THREADS * LOGITS_PER_PART);
    float part = 0;
    for (uint i = from; i < end; i += ROW_THREADS) part += precise::exp(soft_capped(row_logits[i], cap) - largest);
    sum += part;
  }
  sum = row_sum(sum, sums, self);
  if (index == 0) {
    const int target = targets[row];
    out[row] = float4(largest, sum, target < 0 ? 0.0f : soft_capped(row_logits[target], cap), 0);
  }
}

kernel void argmax(device const float *logits [[buffer(0)]], device int *ids [[buffer(1)]],
                   constant ArgmaxParameters &parameters [[buffer(2)]], uint row [[threadgroup_position_in_grid]],
                   uint index [[thread_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]],
                   uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup int orders[ROW_SIMDGROUPS];
  threadgroup uint indices[ROW_SIMDGROUPS];
  const RowThread self = {index, lane, simdgroup};
  device const float *row_logits = logits + size_t(row) * parameters.columns;
  const int largest = largest_order(row_logits, parameters.columns, 0, orders, self);
  const uint first = index_of_largest(row_logits, parameters.columns, 0, largest, indices, self);
  if (index == 0) ids[row] = int(first);
}
