#include "buffers.h"

#include "../../kernels/metal/parameters.h"

#include <stdlib.h>
#include <string.h>

namespace cider::metal {

int buffer_create(cider_device *handle, uint64_t elements, cider_buffer **buffer) {
  Device &device = device_of(handle);
  id object;
  TRY(new_buffer(device, elements * sizeof(float), &object));
  auto *created = static_cast<Buffer *>(calloc(1, sizeof(Buffer)));
  if (created == nullptr) {
    release(object);
    return fail(CIDER_OUT_OF_MEMORY, "buffer_create: no memory");
  }
  created->device = handle;
  created->elements = elements;
  created->object = object;
  hold_device(device);
  *buffer = created;
  return CIDER_OK;
}

int buffer_write(cider_buffer *buffer, uint64_t first, const float *values, uint64_t count) {
  TRY(device_of(buffer->device).commands.wait());
  memcpy(static_cast<float *>(contents_of(object_of(buffer))) + first, values, count * sizeof(float));
  return CIDER_OK;
}

int buffer_read(const cider_buffer *buffer, uint64_t first, float *values, uint64_t count) {
  TRY(device_of(buffer->device).commands.wait());
  memcpy(values, static_cast<const float *>(contents_of(object_of(buffer))) + first, count * sizeof(float));
  return CIDER_OK;
}

void buffer_release(cider_buffer *buffer) {
  // Launches that use it keep it.
  release(object_of(buffer));
  Device &device = device_of(buffer->device);
  free(static_cast<Buffer *>(buffer));
  leave_device(device);
}

int kv_cache_create(cider_device *handle, uint32_t capacity, uint32_t kv_heads, uint32_t head_dim,
                    cider_kv_cache **cache) {
  REQUIRE(head_dim <= MAX_HEAD_DIM, "kv_cache_create: heads of %u, at most %u on metal", head_dim,
          static_cast<uint32_t>(MAX_HEAD_DIM));
  Device &device = device_of(handle);
  const uint64_t bytes = uint64_t{capacity} * kv_heads * head_dim * sizeof(float);
  id keys;
  TRY(new_buffer(device, bytes, &keys));
  id values;
  const int status = new_buffer(device, bytes, &values);
  auto *created = status == CIDER_OK ? static_cast<KvCache *>(calloc(1, sizeof(KvCache))) : nullptr;
  if (created == nullptr) {
    release(keys);
    if (status != CIDER_OK) return status;
    release(values);
    return fail(CIDER_OUT_OF_MEMORY, "kv_cache_create: no memory");
  }
  created->device = handle;
  created->capacity = capacity;
  created->kv_heads = kv_heads;
  created->head_dim = head_dim;
  created->keys = keys;
  created->values = values;
  hold_device(device);
  *cache = created;
  return CIDER_OK;
}

void kv_cache_release(cider_kv_cache *handle) {
  auto *cache = static_cast<KvCache *>(handle);
  release(cache->keys);
  release(cache->values);
  Device &device = device_of(cache->device);
  free(cache);
  leave_device(device);
}

} // namespace cider::metal
