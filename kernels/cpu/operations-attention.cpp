// Positions and attention.
#include "backend.h"

#include "../abi/memory.h"
#include "attention.h"
#include "handles.h"
#include "rope.h"

#include <stdlib.h>

namespace cider::cpu {

int kv_cache_create(cider_device *device, uint32_t capacity, uint32_t kv_heads, uint32_t head_dim,
                    cider_kv_cache **cache) {
  const uint64_t bytes = kv_cache_bytes(*device_of(device).kernels->floats, capacity, kv_heads, head_dim);
  auto *memory = static_cast<float *>(allocate(bytes));
  auto *created = static_cast<Cache *>(calloc(1, sizeof(Cache)));
  if (memory == nullptr || created == nullptr) {
    deallocate(memory, bytes);
    free(created);
    return fail(CIDER_OUT_OF_MEMORY, "kv_cache_create: no memory for %u positions of %u heads of %u", capacity,
                kv_heads, head_dim);
  }
  *created = {{device, capacity, kv_heads, head_dim, 0}, memory, bytes};
  *cache = created;
  return CIDER_OK;
}

void kv_cache_release(cider_kv_cache *handle) {
  auto *cache = static_cast<Cache *>(handle);
  deallocate(cache->memory, cache->bytes);
  free(cache);
}

int rope(cider_device *handle, const cider_rope_params &params) {
  Device &device = device_of(handle);
  const auto &[x, inverse_frequencies, rows, columns, head_dim, first_position, attention_factor] = params;
  void *scratch = device_scratch(device, rope_scratch_bytes(head_dim, device.pool->threads()));
  if (scratch == nullptr) return fail(CIDER_OUT_OF_MEMORY, "rope: no memory");
  cider::rope(*device.kernels->floats, *device.pool,
              {data_of(x), inverse_frequencies, rows, columns, head_dim, first_position, attention_factor, scratch});
  return CIDER_OK;
}

int attention(cider_device *handle, const cider_attention_params &params) {
  Device &device = device_of(handle);
  const auto &[out, q, k, v, kv_cache, rows, heads, sliding_window, scale, soft_cap] = params;
  const FloatKernels &kernels = *device.kernels->floats;
  KvCache cache = {static_cast<Cache *>(kv_cache)->memory, kv_cache->capacity, kv_cache->kv_heads, kv_cache->head_dim,
                   kv_cache->length};
  void *scratch = device_scratch(device, attention_scratch_bytes(kernels, cache, rows, heads, device.pool->threads()));
  if (scratch == nullptr) return fail(CIDER_OUT_OF_MEMORY, "attention: no memory for %u rows", rows);
  cider::attention(kernels, *device.pool,
                   {&cache, data_of(q), data_of(k), data_of(v), data_of(out), rows, heads, sliding_window, scale,
                    soft_cap, scratch});
  kv_cache->length = cache.length;
  return CIDER_OK;
}

} // namespace cider::cpu
