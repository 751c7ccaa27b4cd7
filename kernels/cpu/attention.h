// Causal attention with grouped queries over a cache of keys and values.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace cider {

class ThreadPool;
struct FloatKernels;

// Keys and values of one layer. Those of a head lie together, in panels as the matrix kernels read them:
//
//   keys    [kv_heads, ⌈capacity / panel⌉, head_dim, panel]   a panel holds so many positions
//   values  [kv_heads, ⌈head_dim / panel⌉, capacity, panel]   a panel holds so many elements of a head
struct KvCache {
  float *memory; // [kv_cache_bytes], 64-byte aligned, zeroed; valid for the kernels it was first used with
  uint32_t capacity, kv_heads, head_dim;
  uint32_t length; // positions filled so far
};
size_t kv_cache_bytes(const FloatKernels &kernels, uint32_t capacity, uint32_t kv_heads, uint32_t head_dim);

struct AttentionArgs {
  KvCache *cache; // k and v are appended first: length + rows ≤ capacity
  const float *q; // [rows, heads · head_dim]
  const float *k; // [rows, kv_heads · head_dim]
  const float *v; // [rows, kv_heads · head_dim]
  float *out;     // [rows, heads · head_dim]; may be q
  uint32_t rows;
  uint32_t heads;          // a multiple of kv_heads; each kv head serves as many consecutive heads
  uint32_t sliding_window; // a query at position p sees p - sliding_window + 1 … p; 0: all up to p
  float scale;
  float soft_cap; // scaled scores s become soft_cap · tanh(s / soft_cap); 0: they stay
  void *scratch;  // [attention_scratch_bytes]
};

// No alignment is asked of scratch, q, k, v and out.
size_t attention_scratch_bytes(const FloatKernels &kernels, const KvCache &cache, uint32_t rows, uint32_t heads,
                               uint32_t threads);
void attention(const FloatKernels &kernels, ThreadPool &pool, const AttentionArgs &args);

} // namespace cider
