// The queries that share a head of keys: heads of a position first, so that what they see only grows.
#pragma once

#include "attention-kernels.h"
#include "attention.h"
#include "sizes.h"

namespace cider {

static inline uint32_t queries_per_position(const AttentionArgs &args) { return args.heads / args.cache->kv_heads; }

static inline uint64_t queries_per_head(const AttentionArgs &args) {
  return uint64_t{args.rows} * queries_per_position(args);
}

// Before the rows of this call count as part of the cache.
static inline Query query_at(const AttentionArgs &args, uint32_t kv_head, uint64_t index) {
  const uint32_t shared = queries_per_position(args);
  const uint64_t row = index / shared;
  const uint64_t head = uint64_t{kv_head} * shared + index % shared;
  const uint64_t end = args.cache->length + row + 1;
  const uint64_t window = args.sliding_window == 0 ? end : least(uint64_t{args.sliding_window}, end);
  return {end - window, end, (row * args.heads + head) * args.cache->head_dim};
}

} // namespace cider
