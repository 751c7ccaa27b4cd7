#include "handles.h"

#include "error.h"
#include "memory.h"

#include <inttypes.h>

namespace cider {

int require_matrix(const char *operation, const char *name, const cider_buffer *buffer, uint64_t rows,
                   uint64_t columns) {
  REQUIRE(buffer != nullptr, "%s: %s is null", operation, name);
  uint64_t elements;
  const bool sensible = rows > 0 && columns > 0 && !__builtin_mul_overflow(rows, columns, &elements);
  REQUIRE(sensible && elements <= buffer->elements, "%s: %s of %" PRIu64 " elements is not [%" PRIu64 ", %" PRIu64 "]",
          operation, name, buffer->elements, rows, columns);
  return CIDER_OK;
}

int require_weight(const char *operation, const cider_device *device, const cider_weight *weight) {
  REQUIRE(weight != nullptr, "%s: weight is null", operation);
  REQUIRE(weight->kernels == device->kernels && weight->threads == device->pool->threads(),
          "%s: the weight was packed for %s and %u threads, the device has %s and %u", operation, weight->kernels->isa,
          weight->threads, device->kernels->isa, device->pool->threads());
  return CIDER_OK;
}

int require_scratch(const char *operation, const void *scratch, uint64_t bytes, uint64_t needed) {
  REQUIRE(bytes >= needed && (scratch != nullptr || needed == 0), "%s: %" PRIu64 " bytes of scratch, needs %" PRIu64,
          operation, scratch == nullptr ? uint64_t{0} : bytes, needed);
  return CIDER_OK;
}

void *device_scratch(cider_device *device, uint64_t bytes) {
  if (bytes <= device->scratch_bytes) return device->scratch;
  void *larger = allocate(bytes);
  if (larger == nullptr) return nullptr;
  deallocate(device->scratch, device->scratch_bytes);
  device->scratch = larger;
  device->scratch_bytes = bytes;
  return larger;
}

} // namespace cider
