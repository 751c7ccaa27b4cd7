// Puts new keys and values behind those that the cache holds.
#include "common.h"
#include "parameters.h"

kernel void append_kv(device const float *k [[buffer(0)]], device const float *v [[buffer(1)]],
                      device float *keys [[buffer(2)]], device float *values [[buffer(3)]],
                      constant AttentionParameters &parameters [[buffer(4)]],
                      uint2 group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  const uint columns = parameters.kv_heads * parameters.head_dim;
  const uint column = group.x * ELEMENT_THREADS + index;
  if (column >= columns) return;
  const uint head = column / parameters.head_dim;
  const size_t position = size_t(head) * parameters.capacity + parameters.first_position + group.y;
  const size_t from = size_t(group.y) * columns + column;
  const size_t to = position * parameters.head_dim + column % parameters.head_dim;
  keys[to] = k[from];
  values[to] = v[from];
}
