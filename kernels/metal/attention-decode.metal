// Attention of a single row: attention_decode takes a part of the positions for each threadgroup, a simdgroup for each
// of the heads that share a key head, so that its keys and values are read from memory once; attention_merge puts the
// parts together. A lane has every 32nd element of a head.
#include "attention.h"

// Positions whose keys are loaded at once.
constant constexpr uint DECODE_STEP = 4;

// A softmax as far as it has come: Σ weight · value and Σ weight, by weights exp(score - largest).
template <uint SLICES>
struct PartialAttention {
  float mixed[SLICES];
  float largest;
  float sum;
};

template <uint SLICES, uint COUNT>
inline void attend(thread PartialAttention<SLICES> &partial, thread const float *query, device const float *keys,
                   device const float *values, uint lane, constant AttentionParameters &parameters) {
  const uint head_dim = parameters.head_dim;
  float scores[COUNT];
#pragma clang loop unroll(full)
  for (uint i = 0; i < COUNT; i++) {
    float product = 0;
#pragma clang loop unroll(full)
    for (uint slice = 0; slice < SLICES; slice++) {
      const uint d = 32 * slice + lane;
      if (d < head_dim) product = fma(query[slice], keys[i * head_dim + d], product);
    }
    scores[i] = score_of(simd_sum(product), parameters);
  }

  const float before = partial.largest;
#pragma clang loop unroll(full)
  for (uint i = 0; i < COUNT; i++) partial.largest = larger(scores[i], partial.largest);
  const float shift = shift_of(partial.largest);
  const float correction = precise::exp(before - shift);
  partial.sum *= correction;
#pragma clang loop unroll(full)
  for (uint slice = 0; slice < SLICES; slice++) partial.mixed[slice] *= correction;
#pragma clang loop unroll(full)
  for (uint i = 0; i < COUNT; i++) {
    const float weight = precise::exp(scores[i] - shift);
    partial.sum += weight;
#pragma clang loop unroll(full)
    for (uint slice = 0; slice < SLICES; slice++) {
      const uint d = 32 * slice + lane;
      if (d < head_dim) partial.mixed[slice] = fma(weight, values[i * head_dim + d], partial.mixed[slice]);
    }
  }
}

template <uint SLICES>
inline void attend_split(device const float *q, device const float *keys, device const float *values,
                         device float *partial_out, device float2 *statistics, Positions positions, uint lane,
                         constant AttentionParameters &parameters) {
  const size_t head_dim = parameters.head_dim;
  float query[SLICES];
  PartialAttention<SLICES> partial;
  partial.largest = -INFINITY;
  partial.sum = 0;
#pragma clang loop unroll(full)
  for (uint slice = 0; slice < SLICES; slice++) {
    const uint d = 32 * slice + lane;
    query[slice] = d < head_dim ? q[d] : 0;
    partial.mixed[slice] = 0;
  }

  uint position = positions.begin;
  for (; position + DECODE_STEP <= positions.end; position += DECODE_STEP) {
    attend<SLICES, DECODE_STEP>(partial, query, keys + position * head_dim, values + position * head_dim, lane,
                                parameters);
  }
  for (; position < positions.end; position++) {
    attend<SLICES, 1>(partial, query, keys + position * head_dim, values + position * head_dim, lane, parameters);
  }

#pragma clang loop unroll(full)
  for (uint slice = 0; slice < SLICES; slice++) {
    const uint d = 32 * slice + lane;
    if (d < head_dim) partial_out[d] = partial.mixed[slice];
  }
  if (lane == 0) *statistics = float2(partial.largest, partial.sum);
}

kernel void attention_decode(device const float *q [[buffer(0)]], device const float *keys [[buffer(1)]],
                             device const float *values [[buffer(2)]], device float *partials [[buffer(3)]],
                             device float2 *statistics [[buffer(4)]],
                             constant AttentionParameters &parameters [[buffer(5)]],
                             uint2 group [[threadgroup_position_in_grid]], uint lane [[thread_index_in_simdgroup]],
                             uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  const size_t head_dim = parameters.head_dim;
  const uint head = group.x * (parameters.heads / parameters.kv_heads) + simdgroup;
  const Positions seen = seen_by(0, parameters);
  Positions split;
  split.begin = min(seen.begin + group.y * parameters.split_size, seen.end);
  split.end = min(split.begin + parameters.split_size, seen.end);

  device const float *head_q = q + head * head_dim;
  const size_t head_floats = parameters.capacity * head_dim;
  device const float *head_keys = keys + group.x * head_floats;
  device const float *head_values = values + group.x * head_floats;
  const size_t part = size_t(head) * parameters.splits + group.y;
  device float *out = partials + part * head_dim;

  // Arrays in registers have sizes that the compiler knows.
  if (head_dim <= 64) {
    attend_split<2>(head_q, head_keys, head_values, out, statistics + part, split, lane, parameters);
  } else if (head_dim <= 128) {
    attend_split<4>(head_q, head_keys, head_values, out, statistics + part, split, lane, parameters);
  } else if (head_dim <= 256) {
    attend_split<8>(head_q, head_keys, head_values, out, statistics + part, split, lane, parameters);
  } else {
    attend_split<MAX_HEAD_DIM / 32>(head_q, head_keys, head_values, out, statistics + part, split, lane, parameters);
  }
}

kernel void attention_merge(device const float *partials [[buffer(0)]], device const float2 *statistics [[buffer(1)]],
                            device float *out [[buffer(2)]], constant AttentionParameters &parameters [[buffer(3)]],
                            uint head [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  const size_t head_dim = parameters.head_dim;
  const size_t first_part = size_t(head) * parameters.splits;
  float largest = -INFINITY;
  for (uint split = 0; split < parameters.splits; split++) largest = larger(statistics[first_part + split].x, largest);
  const float shift = shift_of(largest);
  for (uint d = index; d < head_dim; d += MERGE_THREADS) {
    float mixed = 0;
    float sum = 0;
    for (uint split = 0; split < parameters.splits; split++) {
      const float2 statistic = statistics[first_part + split];
      const float factor = precise::exp(statistic.x - shift);
      mixed = fma(factor, partials[(first_part + split) * head_dim + d], mixed);
      sum = fma(factor, statistic.y, sum);
    }
    out[head * head_dim + d] = mixed / sum;
  }
}
