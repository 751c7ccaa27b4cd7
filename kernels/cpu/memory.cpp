#include "memory.h"

#include "abi.h"
#include "error.h"
#include "handles.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

namespace cider {

namespace {

// From here on memory is mapped by itself: its pages are zero without being written, they can be huge, which spares a
// stream of weights most of its address translations, and they go back to the system when a model is closed, while
// malloc would keep them for as long as anything lives behind them.
constexpr uint64_t mapped_bytes = 256 << 10;

constexpr size_t cache_line = 64;

} // namespace

void *allocate(uint64_t bytes) {
  if (bytes >= mapped_bytes) {
    void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
#if defined(MADV_HUGEPAGE)
    madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
  }
  void *memory;
  if (posix_memalign(&memory, cache_line, bytes) != 0) return nullptr;
  return memset(memory, 0, bytes);
}

void deallocate(void *memory, uint64_t bytes) {
  if (memory == nullptr) return;
  if (bytes >= mapped_bytes) {
    munmap(memory, bytes);
  } else {
    free(memory);
  }
}

} // namespace cider

using namespace cider;

int cider_buffer_create(cider_device *device, uint64_t elements, cider_buffer **buffer) {
  REQUIRE(device != nullptr && buffer != nullptr, "buffer_create: device or buffer is null");
  REQUIRE(elements > 0 && elements <= UINT64_MAX / sizeof(float), "buffer_create: %" PRIu64 " elements", elements);
  auto *created = static_cast<cider_buffer *>(malloc(sizeof(cider_buffer)));
  auto *data = static_cast<float *>(allocate(elements * sizeof(float)));
  if (created == nullptr || data == nullptr) {
    free(created);
    deallocate(data, elements * sizeof(float));
    return fail(CIDER_OUT_OF_MEMORY, "buffer_create: no memory for %" PRIu64 " elements", elements);
  }
  *created = {data, elements};
  *buffer = created;
  return CIDER_OK;
}

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

int cider_buffer_write(cider_buffer *buffer, uint64_t first, const float *values, uint64_t count) {
  TRY(require_range("buffer_write", buffer, first, values, count));
  if (count > 0) memcpy(buffer->data + first, values, count * sizeof(float));
  return CIDER_OK;
}

int cider_buffer_read(const cider_buffer *buffer, uint64_t first, float *values, uint64_t count) {
  TRY(require_range("buffer_read", buffer, first, values, count));
  if (count > 0) memcpy(values, buffer->data + first, count * sizeof(float));
  return CIDER_OK;
}

void cider_buffer_release(cider_buffer *buffer) {
  if (buffer == nullptr) return;
  deallocate(buffer->data, buffer->elements * sizeof(float));
  free(buffer);
}
