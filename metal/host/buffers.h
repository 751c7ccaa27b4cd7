// Buffers of activations and caches of keys and values, in memory that processor and GPU share.
#pragma once

#include "device.h"

namespace cider::metal {

struct Buffer : cider_buffer {
  id object;
};

struct KvCache : cider_kv_cache {
  id keys, values; // f32 [kv_heads, capacity, head_dim]
};

inline id object_of(const cider_buffer *buffer) { return static_cast<const Buffer *>(buffer)->object; }
inline Argument whole(const cider_buffer *buffer) { return whole(object_of(buffer)); }

int buffer_create(cider_device *device, uint64_t elements, cider_buffer **buffer);
int buffer_write(cider_buffer *buffer, uint64_t first, const float *values, uint64_t count);
int buffer_read(const cider_buffer *buffer, uint64_t first, float *values, uint64_t count);
void buffer_release(cider_buffer *buffer);

int kv_cache_create(cider_device *device, uint32_t capacity, uint32_t kv_heads, uint32_t head_dim,
                    cider_kv_cache **cache);
void kv_cache_release(cider_kv_cache *cache);

} // namespace cider::metal
