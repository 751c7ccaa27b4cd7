// Where the keys and values of a head lie in a cache.
#pragma once

#include "attention.h"
#include "float-kernels.h"
#include "sizes.h"

namespace cider {

// Floats of one head.
static inline size_t key_floats(const FloatKernels &kernels, const KvCache &cache) {
  return size_t{divide_up(cache.capacity, kernels.panel)} * kernels.panel * cache.head_dim;
}
static inline size_t value_floats(const FloatKernels &kernels, const KvCache &cache) {
  return size_t{divide_up(cache.head_dim, kernels.panel)} * kernels.panel * cache.capacity;
}

static inline float *keys_of(const FloatKernels &kernels, const KvCache &cache, uint32_t kv_head) {
  return cache.memory + kv_head * key_floats(kernels, cache);
}
static inline float *values_of(const FloatKernels &kernels, const KvCache &cache, uint32_t kv_head) {
  return cache.memory + cache.kv_heads * key_floats(kernels, cache) + kv_head * value_floats(kernels, cache);
}

} // namespace cider
