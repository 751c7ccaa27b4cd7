#include "backend.h"

#include "../abi/memory.h"
#include "handles.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

namespace cider::cpu {

int buffer_create(cider_device *device, uint64_t elements, cider_buffer **buffer) {
  auto *created = static_cast<Buffer *>(calloc(1, sizeof(Buffer)));
  auto *data = static_cast<float *>(allocate(elements * sizeof(float)));
  if (created == nullptr || data == nullptr) {
    free(created);
    deallocate(data, elements * sizeof(float));
    return fail(CIDER_OUT_OF_MEMORY, "buffer_create: no memory for %" PRIu64 " elements", elements);
  }
  created->device = device;
  created->elements = elements;
  created->data = data;
  *buffer = created;
  return CIDER_OK;
}

int buffer_write(cider_buffer *buffer, uint64_t first, const float *values, uint64_t count) {
  memcpy(data_of(buffer) + first, values, count * sizeof(float));
  return CIDER_OK;
}

int buffer_read(const cider_buffer *buffer, uint64_t first, float *values, uint64_t count) {
  memcpy(values, data_of(buffer) + first, count * sizeof(float));
  return CIDER_OK;
}

void buffer_release(cider_buffer *buffer) {
  deallocate(data_of(buffer), buffer->elements * sizeof(float));
  free(static_cast<Buffer *>(buffer));
}

} // namespace cider::cpu
