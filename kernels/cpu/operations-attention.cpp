// Positions and attention.
#include "abi.h"
#include "attention.h"
#include "error.h"
#include "handles.h"
#include "memory.h"
#include "rope.h"

#include <stdlib.h>

using namespace cider;

namespace {

// Elements of a cache beyond which no memory is asked for, so that sizes in bytes stay far from overflow.
constexpr uint64_t max_cache_elements = uint64_t{1} << 44;

} // namespace

int cider_kv_cache_create(cider_device *device, uint32_t capacity, uint32_t kv_heads, uint32_t head_dim,
                          cider_kv_cache **cache) {
  REQUIRE(device != nullptr && cache != nullptr, "kv_cache_create: device or cache is null");
  REQUIRE(capacity > 0 && kv_heads > 0 && head_dim > 0, "kv_cache_create: %u positions of %u heads of %u", capacity,
          kv_heads, head_dim);
  uint64_t elements;
  const bool overflow = __builtin_mul_overflow(uint64_t{capacity} * kv_heads, head_dim, &elements);
  uint64_t bytes = 0;
  void *memory = nullptr;
  if (!overflow && elements <= max_cache_elements) {
    bytes = kv_cache_bytes(*device->kernels->floats, capacity, kv_heads, head_dim);
    memory = allocate(bytes);
  }
  auto *created = static_cast<cider_kv_cache *>(malloc(sizeof(cider_kv_cache)));
  if (memory == nullptr || created == nullptr) {
    deallocate(memory, bytes);
    free(created);
    return fail(CIDER_OUT_OF_MEMORY, "kv_cache_create: no memory for %u positions of %u heads of %u", capacity,
                kv_heads, head_dim);
  }
  *created = {.cache = {static_cast<float *>(memory), capacity, kv_heads, head_dim, 0},
              .bytes = bytes,
              .kernels = device->kernels};
  *cache = created;
  return CIDER_OK;
}

uint32_t cider_kv_cache_length(const cider_kv_cache *cache) { return cache == nullptr ? 0 : cache->cache.length; }

void cider_kv_cache_release(cider_kv_cache *cache) {
  if (cache == nullptr) return;
  deallocate(cache->cache.memory, cache->bytes);
  free(cache);
}

int cider_rope(cider_device *device, const cider_rope_params *params) {
  BEGIN_OPERATION("rope", device, params);
  const auto &[x, inverse_frequencies, rows, columns, head_dim, first_position, attention_factor] = *params;
  TRY(require_matrix("rope", "x", x, rows, columns));
  REQUIRE(inverse_frequencies != nullptr, "rope: inverse_frequencies is null");
  REQUIRE(head_dim > 0 && head_dim % 2 == 0 && columns % head_dim == 0, "rope: %u columns of heads of %u", columns,
          head_dim);
  REQUIRE(rows - 1 <= UINT32_MAX - first_position, "rope: %u rows from position %u on", rows, first_position);
  void *scratch = device_scratch(device, rope_scratch_bytes(head_dim, device->pool->threads()));
  if (scratch == nullptr) return fail(CIDER_OUT_OF_MEMORY, "rope: no memory");
  rope(*device->kernels->floats, *device->pool,
       {x->data, inverse_frequencies, rows, columns, head_dim, first_position, attention_factor, scratch});
  return CIDER_OK;
}

int cider_attention(cider_device *device, const cider_attention_params *params) {
  BEGIN_OPERATION("attention", device, params);
  const auto &[out, q, k, v, handle, rows, heads, sliding_window, scale, soft_cap] = *params;
  REQUIRE(handle != nullptr, "attention: cache is null");
  KvCache &cache = handle->cache;
  REQUIRE(handle->kernels == device->kernels, "attention: the cache belongs to a device with %s", handle->kernels->isa);
  REQUIRE(heads > 0 && heads % cache.kv_heads == 0, "attention: %u heads do not share %u key heads", heads,
          cache.kv_heads);
  const uint64_t columns = uint64_t{heads} * cache.head_dim;
  const uint64_t kv_columns = uint64_t{cache.kv_heads} * cache.head_dim;
  TRY(require_matrix("attention", "q", q, rows, columns));
  TRY(require_matrix("attention", "k", k, rows, kv_columns));
  TRY(require_matrix("attention", "v", v, rows, kv_columns));
  TRY(require_matrix("attention", "out", out, rows, columns));
  REQUIRE(rows <= cache.capacity - cache.length, "attention: %u rows after %u pass the cache's %u", rows, cache.length,
          cache.capacity);
  REQUIRE(soft_cap >= 0 && soft_cap < __builtin_inff(), "attention: soft cap %g", double{soft_cap});
  const FloatKernels &kernels = *device->kernels->floats;
  void *scratch = device_scratch(device, attention_scratch_bytes(kernels, cache, rows, heads, device->pool->threads()));
  if (scratch == nullptr) return fail(CIDER_OUT_OF_MEMORY, "attention: no memory for %u rows", rows);
  attention(kernels, *device->pool,
            {&cache, q->data, k->data, v->data, out->data, rows, heads, sliding_window, scale, soft_cap, scratch});
  return CIDER_OK;
}
