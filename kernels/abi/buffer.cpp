#include "checks.h"

#include <inttypes.h>

using namespace cider;

namespace {

int require_range(const char *operation, const cider_buffer *buffer, uint64_t first, const void *values,
                  uint64_t count) {
  REQUIRE(buffer != nullptr, "%s: buffer is null", operation);
  REQUIRE(values != nullptr || count == 0, "%s: values is null", operation);
  REQUIRE(first <= buffer->elements && count <= buffer->elements - first,
          "%s: %" PRIu64 " elements from %" PRIu64 " on are not within the %" PRIu64 " of the buffer", operation, count,
          first, buffer->elements);
  return CIDER_OK;
}

} // namespace

int cider_buffer_create(cider_device *device, uint64_t elements, cider_buffer **buffer) {
  REQUIRE(device != nullptr && buffer != nullptr, "buffer_create: device or buffer is null");
  REQUIRE(elements > 0 && elements <= UINT64_MAX / sizeof(float), "buffer_create: %" PRIu64 " elements", elements);
  return device->backend->buffer_create(device, elements, buffer);
}

int cider_buffer_write(cider_buffer *buffer, uint64_t first, const float *values, uint64_t count) {
  TRY(require_range("buffer_write", buffer, first, values, count));
  return count == 0 ? CIDER_OK : buffer->device->backend->buffer_write(buffer, first, values, count);
}

int cider_buffer_read(const cider_buffer *buffer, uint64_t first, float *values, uint64_t count) {
  TRY(require_range("buffer_read", buffer, first, values, count));
  return count == 0 ? CIDER_OK : buffer->device->backend->buffer_read(buffer, first, values, count);
}

void cider_buffer_release(cider_buffer *buffer) {
  if (buffer != nullptr) buffer->device->backend->buffer_release(buffer);
}
