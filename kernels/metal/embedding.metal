// Rows of a table, widened to f32 and scaled.
#include "float-elements.h"
#include "parameters.h"

template <class Elements>
inline void embed(device float *out, device const uchar *table, device const int *token_ids,
                  constant EmbeddingParameters &parameters, uint2 group, uint index) {
  const uint column = group.x * ELEMENT_THREADS + index;
  if (column >= parameters.columns) return;
  device const uchar *row = table + size_t(token_ids[group.y]) * parameters.table_stride;
  const float element = Elements::load(row, column);
  // Without a scale even subnormal numbers stay what they are.
  out[size_t(group.y) * parameters.columns + column] = parameters.scale == 1.0f ? element : element * parameters.scale;
}

kernel void embedding_f32(device float *out [[buffer(0)]], device const uchar *table [[buffer(1)]],
                          device const int *token_ids [[buffer(2)]],
                          constant EmbeddingParameters &parameters [[buffer(3)]],
                          uint2 group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  embed<F32Elements>(out, table, token_ids, parameters, group, index);
}

kernel void embedding_f16(device float *out [[buffer(0)]], device const uchar *table [[buffer(1)]],
                          device const int *token_ids [[buffer(2)]],
                          constant EmbeddingParameters &parameters [[buffer(3)]],
                          uint2 group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  embed<F16Elements>(out, table, token_ids, parameters, group, index);
}

kernel void embedding_bf16(device float *out [[buffer(0)]], device const uchar *table [[buffer(1)]],
                           device const int *token_ids [[buffer(2)]],
                           constant EmbeddingParameters &parameters [[buffer(3)]],
                           uint2 group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  embed<Bf16Elements>(out, table, token_ids, parameters, group, index);
}
