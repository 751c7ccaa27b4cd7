// Attention of several rows: a threadgroup takes PREFILL_ROWS rows of a head, a simdgroup a part of them, and goes
// through the positions in blocks of one a lane. Scores never leave the threadgroup; outputs stay in registers, of
// which there is room for PREFILL_PIECE elements a head: of longer heads the scores are made anew for each piece.
#include "attention.h"

constant constexpr uint PREFILL_SIMDGROUPS = PREFILL_THREADS / 32;
constant constexpr uint PREFILL_SIMDGROUP_ROWS = PREFILL_ROWS / PREFILL_SIMDGROUPS;
constant constexpr uint PREFILL_SLICE = 32; // elements of queries and keys that are staged at a time
constant constexpr uint PREFILL_PIECE = 128;
constant constexpr uint PREFILL_LANE_ELEMENTS = PREFILL_PIECE / 32;
// From element to element in threadgroup memory: a position or row each, and some that let lanes write to different
// banks.
constant constexpr uint PREFILL_KEY_STRIDE = 33;
constant constexpr uint PREFILL_QUERY_STRIDE = PREFILL_ROWS + 4;

// What a simdgroup knows of its rows. Lanes have sums of their own positions, and every 32nd element of the outputs.
struct PrefillRows {
  float mixed[PREFILL_SIMDGROUP_ROWS][PREFILL_LANE_ELEMENTS];
  float largest[PREFILL_SIMDGROUP_ROWS];
  float sum[PREFILL_SIMDGROUP_ROWS];
};

// Rows behind the last are the last once more.
inline Positions seen_in_tile(uint first_row, uint i, constant AttentionParameters &parameters) {
  return seen_by(min(first_row + i, parameters.rows - 1), parameters);
}

// products[i] = q of row i · key of the lane's position. All threads of the threadgroup help to stage both.
inline void multiply_block(thread float *products, device const float *q, device const float *keys, uint first_row,
                           uint block, uint end, threadgroup float4 *query_tile, threadgroup float *key_tile,
                           uint index, constant AttentionParameters &parameters) {
  const uint head_dim = parameters.head_dim;
  const uint lane = index % 32;
  const uint simdgroup = index / 32;
  threadgroup float *queries = reinterpret_cast<threadgroup float *>(query_tile);
#pragma clang loop unroll(full)
  for (uint i = 0; i < PREFILL_SIMDGROUP_ROWS; i++) products[i] = 0;
  for (uint slice = 0; slice < head_dim; slice += PREFILL_SLICE) {
    const uint d = slice + lane;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint i = simdgroup; i < 32; i += PREFILL_SIMDGROUPS) {
      const size_t row = min(first_row + i, parameters.rows - 1);
      const size_t position = min(block + i, end - 1);
      queries[lane * PREFILL_QUERY_STRIDE + i] = d < head_dim ? q[row * parameters.heads * head_dim + d] : 0;
      key_tile[lane * PREFILL_KEY_STRIDE + i] = d < head_dim ? keys[position * head_dim + d] : 0;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint k = 0; k < PREFILL_SLICE; k++) {
      const float key = key_tile[k * PREFILL_KEY_STRIDE + lane];
      const uint at = (k * PREFILL_QUERY_STRIDE + simdgroup * PREFILL_SIMDGROUP_ROWS) / 4;
#pragma clang loop unroll(full)
      for (uint i = 0; i < PREFILL_SIMDGROUP_ROWS; i += 4) {
        const float4 four = query_tile[at + i / 4];
        for (uint j = 0; j < 4; j++) products[i + j] = fma(four[j], key, products[i + j]);
      }
    }
  }
}

// Makes weights [positions, rows] of the products, and lets what is there so far follow their largest score.
inline void weigh_block(thread PrefillRows &rows, thread const float *products, threadgroup float4 *weights,
                        uint first_row, uint position, uint lane, constant AttentionParameters &parameters) {
  float4 lane_weights[PREFILL_SIMDGROUP_ROWS / 4];
#pragma clang loop unroll(full)
  for (uint i = 0; i < PREFILL_SIMDGROUP_ROWS; i++) {
    const Positions seen = seen_in_tile(first_row, i, parameters);
    const bool is_seen = position >= seen.begin && position < seen.end;
    const float score = is_seen ? score_of(products[i], parameters) : -INFINITY;
    const float before = rows.largest[i];
    rows.largest[i] = larger(simd_max(larger(score, -INFINITY)), before);
    const float shift = shift_of(rows.largest[i]);
    const float correction = precise::exp(before - shift);
    const float weight = is_seen ? precise::exp(score - shift) : 0;
    rows.sum[i] = rows.sum[i] * correction + weight;
#pragma clang loop unroll(full)
    for (uint j = 0; j < PREFILL_LANE_ELEMENTS; j++) rows.mixed[i][j] *= correction;
    lane_weights[i / 4][i % 4] = weight;
  }
#pragma clang loop unroll(full)
  for (uint i = 0; i < PREFILL_SIMDGROUP_ROWS / 4; i++)
    weights[lane * (PREFILL_SIMDGROUP_ROWS / 4) + i] = lane_weights[i];
}

// Adds weight · value of `count` positions from `block` on. Where some rows do not see all of them, their weights are
// skipped: a weight of 0 would make NaN of an infinity that the row must not see.
template <bool SEEN_BY_ALL>
inline void mix_block(thread PrefillRows &rows, threadgroup const float4 *weights, device const float *values,
                      uint piece, uint first_row, uint block, uint count, uint lane,
                      constant AttentionParameters &parameters) {
  const size_t head_dim = parameters.head_dim;
  for (uint p = 0; p < count; p++) {
    const uint position = block + p;
    float elements[PREFILL_LANE_ELEMENTS];
#pragma clang loop unroll(full)
    for (uint j = 0; j < PREFILL_LANE_ELEMENTS; j++) {
      const uint d = piece + 32 * j + lane;
      elements[j] = d < head_dim ? values[position * head_dim + d] : 0;
    }
#pragma clang loop unroll(full)
    for (uint i = 0; i < PREFILL_SIMDGROUP_ROWS; i++) {
      if (!SEEN_BY_ALL) {
        const Positions seen = seen_in_tile(first_row, i, parameters);
        if (position < seen.begin || position >= seen.end) continue;
      }
      const float weight = weights[p * (PREFILL_SIMDGROUP_ROWS / 4) + i / 4][i % 4];
#pragma clang loop unroll(full)
      for (uint j = 0; j < PREFILL_LANE_ELEMENTS; j++) rows.mixed[i][j] = fma(weight, elements[j], rows.mixed[i][j]);
    }
  }
}

inline void store_rows(thread const PrefillRows &rows, device float *out, uint piece, uint first_row, uint lane,
                       constant AttentionParameters &parameters) {
  const uint head_dim = parameters.head_dim;
#pragma clang loop unroll(full)
  for (uint i = 0; i < PREFILL_SIMDGROUP_ROWS; i++) {
    const float sum = simd_sum(rows.sum[i]);
    if (first_row + i >= parameters.rows) continue;
    device float *row_out = out + size_t(first_row + i) * parameters.heads * head_dim;
#pragma clang loop unroll(full)
    for (uint j = 0; j < PREFILL_LANE_ELEMENTS; j++) {
      const uint d = piece + 32 * j + lane;
      if (d < head_dim) row_out[d] = rows.mixed[i][j] / sum;
    }
  }
}

kernel void attention_prefill(device const float *q [[buffer(0)]], device const float *keys [[buffer(1)]],
                              device const float *values [[buffer(2)]], device float *out [[buffer(3)]],
                              constant AttentionParameters &parameters [[buffer(4)]],
                              uint2 group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]],
                              uint lane [[thread_index_in_simdgroup]],
                              uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float4 query_tile[PREFILL_SLICE * PREFILL_QUERY_STRIDE / 4];
  threadgroup float key_tile[PREFILL_SLICE * PREFILL_KEY_STRIDE];
  threadgroup float4 weight_tile[32 * PREFILL_ROWS / 4];

  const size_t head_dim = parameters.head_dim;
  const uint kv_head = group.y / (parameters.heads / parameters.kv_heads);
  device const float *head_q = q + group.y * head_dim;
  device const float *head_keys = keys + kv_head * (parameters.capacity * head_dim);
  device const float *head_values = values + kv_head * (parameters.capacity * head_dim);
  device float *head_out = out + group.y * head_dim;
  threadgroup float4 *weights = weight_tile + simdgroup * 32 * PREFILL_SIMDGROUP_ROWS / 4;

  const uint tile_row = group.x * PREFILL_ROWS;
  const uint first_row = tile_row + simdgroup * PREFILL_SIMDGROUP_ROWS;
  const uint tile_begin = seen_in_tile(tile_row, 0, parameters).begin;
  const uint tile_end = seen_in_tile(tile_row, PREFILL_ROWS - 1, parameters).end;
  const uint last_begin = seen_in_tile(first_row, PREFILL_SIMDGROUP_ROWS - 1, parameters).begin;
  const uint first_end = seen_in_tile(first_row, 0, parameters).end;

  for (uint piece = 0; piece < head_dim; piece += PREFILL_PIECE) {
    PrefillRows rows;
#pragma clang loop unroll(full)
    for (uint i = 0; i < PREFILL_SIMDGROUP_ROWS; i++) {
      rows.largest[i] = -INFINITY;
      rows.sum[i] = 0;
#pragma clang loop unroll(full)
      for (uint j = 0; j < PREFILL_LANE_ELEMENTS; j++) rows.mixed[i][j] = 0;
    }
    for (uint block = tile_begin; block < tile_end; block += 32) {
      float products[PREFILL_SIMDGROUP_ROWS];
      multiply_block(products, head_q, head_keys, tile_row, block, tile_end, query_tile, key_tile, index, parameters);
      weigh_block(rows, products, weights, first_row, block + lane, lane, parameters);
      simdgroup_barrier(mem_flags::mem_threadgroup);
      if (block >= last_begin && block + 32 <= first_end) {
        mix_block<true>(rows, weights, head_values, piece, first_row, block, 32, lane, parameters);
      } else {
        const uint count = min(32u, tile_end - block);
        mix_block<false>(rows, weights, head_values, piece, first_row, block, count, lane, parameters);
      }
    }
    store_rows(rows, head_out, piece, first_row, lane, parameters);
  }
}
