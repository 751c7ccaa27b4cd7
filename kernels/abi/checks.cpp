#include "checks.h"

#include <inttypes.h>

namespace cider {

int require_matrix(const char *operation, const cider_device *device, const char *name, const cider_buffer *buffer,
                   uint64_t rows, uint64_t columns) {
  REQUIRE(buffer != nullptr, "%s: %s is null", operation, name);
  REQUIRE(buffer->device == device, "%s: %s belongs to another device", operation, name);
  uint64_t elements;
  const bool sensible = rows > 0 && columns > 0 && !__builtin_mul_overflow(rows, columns, &elements);
  REQUIRE(sensible && elements <= buffer->elements, "%s: %s of %" PRIu64 " elements is not [%" PRIu64 ", %" PRIu64 "]",
          operation, name, buffer->elements, rows, columns);
  return CIDER_OK;
}

int require_weight(const char *operation, const cider_device *device, const cider_weight *weight) {
  REQUIRE(weight != nullptr, "%s: weight is null", operation);
  REQUIRE(weight->device == device, "%s: the weight belongs to another device", operation);
  return CIDER_OK;
}

int require_soft_cap(const char *operation, float soft_cap) {
  REQUIRE(soft_cap >= 0 && soft_cap < __builtin_inff(), "%s: soft cap %g", operation, double{soft_cap});
  return CIDER_OK;
}

int require_scratch(const char *operation, const void *scratch, uint64_t bytes, uint64_t needed) {
  REQUIRE(bytes >= needed && (scratch != nullptr || needed == 0), "%s: %" PRIu64 " bytes of scratch, needs %" PRIu64,
          operation, scratch == nullptr ? uint64_t{0} : bytes, needed);
  return CIDER_OK;
}

} // namespace cider
