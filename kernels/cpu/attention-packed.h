// Attention on matrix units.
#pragma once

#include "attention.h"

namespace cider {

// Whether there are such units, and enough queries for each head of keys to repay packing it.
bool takes_packed_attention(const FloatKernels &kernels, const KvCache &cache, uint32_t rows, uint32_t heads);

// Both for k and v that are in the cache's memory already, but not yet in its length.
size_t packed_attention_scratch_bytes(const FloatKernels &kernels, const KvCache &cache, uint32_t rows,
                                      uint32_t threads);
void packed_attention(const FloatKernels &kernels, ThreadPool &pool, const AttentionArgs &args);

} // namespace cider
