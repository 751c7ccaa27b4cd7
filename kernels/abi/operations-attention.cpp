// Positions and attention.
#include "checks.h"

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
  if (overflow || elements > max_cache_elements) {
    return fail(CIDER_OUT_OF_MEMORY, "kv_cache_create: no memory for %u positions of %u heads of %u", capacity,
                kv_heads, head_dim);
  }
  return device->backend->kv_cache_create(device, capacity, kv_heads, head_dim, cache);
}

uint32_t cider_kv_cache_length(const cider_kv_cache *cache) { return cache == nullptr ? 0 : cache->length; }

void cider_kv_cache_release(cider_kv_cache *cache) {
  if (cache != nullptr) cache->device->backend->kv_cache_release(cache);
}

int cider_rope(cider_device *device, const cider_rope_params *params) {
  BEGIN_OPERATION("rope", device, params);
  const auto &[x, inverse_frequencies, rows, columns, head_dim, first_position, attention_factor] = *params;
  TRY(require_matrix("rope", device, "x", x, rows, columns));
  REQUIRE(inverse_frequencies != nullptr, "rope: inverse_frequencies is null");
  REQUIRE(head_dim > 0 && head_dim % 2 == 0 && columns % head_dim == 0, "rope: %u columns of heads of %u", columns,
          head_dim);
  REQUIRE(rows - 1 <= UINT32_MAX - first_position, "rope: %u rows from position %u on", rows, first_position);
  return device->backend->rope(device, *params);
}

int cider_attention(cider_device *device, const cider_attention_params *params) {
  BEGIN_OPERATION("attention", device, params);
  const auto &[out, q, k, v, cache, rows, heads, sliding_window, scale, soft_cap] = *params;
  REQUIRE(cache != nullptr, "attention: cache is null");
  REQUIRE(cache->device == device, "attention: the cache belongs to another device");
  REQUIRE(heads > 0 && heads % cache->kv_heads == 0, "attention: %u heads do not share %u key heads", heads,
          cache->kv_heads);
  const uint64_t columns = uint64_t{heads} * cache->head_dim;
  const uint64_t kv_columns = uint64_t{cache->kv_heads} * cache->head_dim;
  TRY(require_matrix("attention", device, "q", q, rows, columns));
  TRY(require_matrix("attention", device, "k", k, rows, kv_columns));
  TRY(require_matrix("attention", device, "v", v, rows, kv_columns));
  TRY(require_matrix("attention", device, "out", out, rows, columns));
  REQUIRE(rows <= cache->capacity - cache->length, "attention: %u rows after %u pass the cache's %u", rows,
          cache->length, cache->capacity);
  TRY(require_soft_cap("attention", soft_cap));
  return device->backend->attention(device, *params);
}
